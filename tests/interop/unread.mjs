// Sends a long body to an address that refuses it, and tells what it gets:
// node unread.mjs '{"url": "http://…/products/", "bytes": 40000000, "type": "…"}'

const given = JSON.parse(process.argv[2]);
const headers = { Authorization: "Bearer nonsense", "Content-Type": given.type };
try {
  const body = new Uint8Array(given.bytes);
  const answer = await fetch(given.url, { method: given.method, headers, body });
  const problem = await answer.json();
  console.log(JSON.stringify({ status: answer.status, code: problem.code }));
} catch (error) {
  console.log(JSON.stringify({ status: 0, error: String(error.cause ?? error) }));
}
