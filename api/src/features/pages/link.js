const form = document.querySelector("form");
const { path, done } = form.dataset;
const text = new TextEncoder();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const link = new URLSearchParams(location.search);
  const typed = Object.fromEntries(new FormData(form));
  const body = { uid: link.get("uid"), token: link.get("token"), ...typed };
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(await encrypted(body)),
  });
  const problem = response.ok ? null : await response.json();
  const why = problem && (problem.errors ? Object.values(problem.errors).flat().join(" ") : problem.detail);
  document.getElementById("answer").textContent = why ?? done;
  form.hidden = response.ok;
});

// As JWE to the server's key: ECDH-ES with A256GCM (RFC 7516, RFC 7518). Browsers encrypt only on
// pages that came by https, or from this machine; elsewhere the body is sent in plain.
async function encrypted(body) {
  if (!globalThis.crypto?.subtle) return body;
  const { keys } = await (await fetch("/.well-known/jwks.json")).json();
  const { kid, kty, crv, x, y } = keys.find((key) => key.use === "enc");
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const server = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, curve, false, []);
  const mine = await crypto.subtle.generateKey(curve, true, ["deriveBits"]);
  const epk = await crypto.subtle.exportKey("jwk", mine.publicKey);
  const header = {
    alg: "ECDH-ES", enc: "A256GCM", kid, epk: { kty, crv, x: epk.x, y: epk.y },
    htm: "POST", htu: path, iat: Math.floor(Date.now() / 1000), jti: crypto.randomUUID(),
  };
  const protectedHeader = base64url(text.encode(JSON.stringify(header)));
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: server }, mine.privateKey, 256);
  // Concat KDF (RFC 7518, 4.6.2), one round: nobody is named as either party.
  const agreed = await new Blob([
    number(1), shared, number(7), text.encode("A256GCM"), number(0), number(0), number(256),
  ]).arrayBuffer();
  const bytes = await crypto.subtle.digest("SHA-256", agreed);
  const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const gcm = { name: "AES-GCM", iv, additionalData: text.encode(protectedHeader) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(gcm, key, text.encode(JSON.stringify(body))));
  const parts = [iv, sealed.slice(0, -16), sealed.slice(-16)].map(base64url);
  return { data: [protectedHeader, "", ...parts].join(".") };
}

function number(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
