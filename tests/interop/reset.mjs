// Runs the script of the page for a new password as a browser would:
// node reset.mjs http://127.0.0.1:8000 '?uid=…&token=…' 'a password'
import vm from "node:vm";

const [base, search, password] = process.argv.slice(2);
const form = { hidden: false };
const answer = {};
const sent = [];
let submitted;
form.addEventListener = (_, listener) => (submitted = listener);
const page = {
  document: { getElementById: (id) => (id === "reset" ? form : answer) },
  location: { search },
  FormData: class { get = () => password; },
  fetch: (path, options) => {
    sent.push(options?.body);
    return fetch(base + path, options);
  },
  crypto, TextEncoder, URLSearchParams, Blob, Uint8Array, DataView, btoa,
};
vm.runInNewContext(await (await fetch(`${base}/app/reset.js`)).text(), page);
await submitted({ preventDefault() {} });
console.log(JSON.stringify({ said: answer.textContent, hidden: form.hidden, sent: sent.at(-1) }));
