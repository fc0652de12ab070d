// Sends a long body to an address that refuses it, and tells what it gets:
// node unread.mjs '{"url": "http://…", "method": "POST", "bytes": 40000000, "type": "…", "http2": false}'

import http2 from "node:http2";

const given = JSON.parse(process.argv[2]);
const headers = { Authorization: "Bearer nonsense", "Content-Type": given.type };
const body = new Uint8Array(given.bytes);

async function byFetch() {
  const answer = await fetch(given.url, { method: given.method, headers, body });
  return { status: answer.status, code: (await answer.json()).code };
}

function byHttp2() {
  const url = new URL(given.url);
  // Else Node itself refuses an answer while it has so much to send.
  const client = http2.connect(url.origin, { maxSessionMemory: 200 });
  const path = { ":path": url.pathname, ":method": given.method };
  const request = client.request({ ...path, ...headers });
  return new Promise((resolve, reject) => {
    let status = 0;
    let text = "";
    client.on("error", reject);
    request.on("error", reject);
    request.on("response", (fields) => (status = fields[":status"]));
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => resolve({ status, code: text && JSON.parse(text).code }));
    request.end(body);
  }).finally(() => client.destroy());
}

try {
  console.log(JSON.stringify(await (given.http2 ? byHttp2() : byFetch())));
} catch (error) {
  console.log(JSON.stringify({ status: 0, error: String(error.cause ?? error) }));
}
