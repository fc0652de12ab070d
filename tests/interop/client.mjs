// Signs in and makes a category with everything encrypted, both ways:
// node client.mjs http://127.0.0.1:8000 staff@example.com 'a password'
import { compactDecrypt, CompactEncrypt, exportJWK, generateKeyPair, importJWK } from "jose";

const [base, email, password] = process.argv.slice(2);
const text = new TextEncoder();

// What requests are encrypted to.
const { keys } = await (await fetch(`${base}/.well-known/jwks.json`)).json();
const serverJwk = keys.find((key) => key.use === "enc");
const serverKey = await importJWK(serverJwk, "ECDH-ES");

// What answers are encrypted to: a key of our own.
const mine = await generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true });
const myJwk = JSON.stringify(await exportJWK(mine.publicKey));
const encryptionKey = Buffer.from(myJwk).toString("base64url");

async function encrypt(method, path, body) {
  const header = {
    alg: "ECDH-ES", enc: "A256GCM", kid: serverJwk.kid,
    htm: method, htu: path, iat: Math.floor(Date.now() / 1000), jti: crypto.randomUUID(),
  };
  const data = await new CompactEncrypt(text.encode(JSON.stringify(body)))
    .setProtectedHeader(header)
    .setKeyManagementParameters({ apu: text.encode("web"), apv: text.encode("vetted") })
    .encrypt(serverKey);
  return JSON.stringify({ data });
}

async function call(method, path, token, body) {
  const headers = { "Content-Type": "application/json", "Encryption-Key": encryptionKey };
  if (token) headers.Authorization = `Bearer ${token}`;
  const sent = body && (await encrypt(method, path, body));
  const response = await fetch(base + path, { method, headers, body: sent });
  const { data } = await response.json();
  const { plaintext } = await compactDecrypt(data, mine.privateKey);
  return { status: response.status, body: JSON.parse(new TextDecoder().decode(plaintext)) };
}

const login = await call("POST", "/login/", null, { email, password });
const token = login.body.access;
const name = `Made with jose ${crypto.randomUUID()}`;
const made = await call("POST", "/categories/", token, { name, description: "Ünïcödé" });
const read = await call("GET", `/categories/${made.body.id}/`, token);
const again = await call("POST", "/categories/", token, { name });
console.log(JSON.stringify({ login: login.status, made, read, again }));
