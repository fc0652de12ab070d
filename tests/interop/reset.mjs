// Runs the script of the page for a new password as a browser would:
// node reset.mjs http://127.0.0.1:8000 '?uid=…&token=…' 'a password'
import vm from "node:vm";

const [base, search, password] = process.argv.slice(2);
const path = "/password/reset/confirm/";
const form = { hidden: false, dataset: { path, done: "The password is set: sign in with it." } };
const answer = {};
const sent = [];
let submitted;
form.addEventListener = (_, listener) => (submitted = listener);
const page = {
  document: { querySelector: () => form, getElementById: () => answer },
  location: { search },
  FormData: class extends Map { constructor() { super([["password", password]]); } },
  fetch: (path, options) => {
    sent.push(options?.body);
    return fetch(base + path, options);
  },
  crypto, TextEncoder, URLSearchParams, Blob, Uint8Array, DataView, btoa,
};
vm.runInNewContext(await (await fetch(`${base}/app/link.js`)).text(), page);
await submitted({ preventDefault() {} });
console.log(JSON.stringify({ said: answer.textContent, hidden: form.hidden, sent: sent.at(-1) }));
