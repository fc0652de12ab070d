// One product's life, by the types of openapi-typescript and openapi-fetch:
// node life.js '{"base": "http://…", "video": "film.mp4", "seller": {"email": …, "password": …}, "staff": …, "buyer": …}'
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi-typescript.js";

type Product = components["schemas"]["Product"];
type Problem = components["schemas"]["Problem"];
interface Person { email: string; password: string }

const { base, video, seller, staff, buyer } = JSON.parse(process.argv[2] ?? "{}");

/** What an operation has answered, or its problem as an exception. */
function taken<T>({ data, error }: { data?: T; error?: Problem }): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

async function signIn({ email, password }: Person) {
  const open = createClient<paths>({ baseUrl: base });
  const { access } = taken(await open.POST("/login/", { body: { email, password } }));
  return createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${access}` } });
}

const [selling, moderating, buying] = await Promise.all([seller, staff, buyer].map(signIn)) as
  [Awaited<ReturnType<typeof signIn>>, Awaited<ReturnType<typeof signIn>>, Awaited<ReturnType<typeof signIn>>];

const category = taken(await moderating.POST("/categories/", {
  body: { name: `Lamps ${Date.now()}`, description: "What gives light." },
}));

// A product as a form, with its video as a file.
const file = new Blob([readFileSync(video)], { type: "video/mp4" });
const made = taken(await selling.POST("/products/", {
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  body: {
    name: "Desk lamp", category_id: category.id,
    price_amount: "12.50", price_currency: "EUR", video: file as unknown as string,
  },
  bodySerializer: (body) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(body)) form.set(name, value as string | Blob);
    return form;
  },
}));
const path = { id: made.id };

async function processed(): Promise<Product> {
  for (;;) {
    const seen = taken(await selling.GET("/products/{id}/", { params: { path } }));
    if (seen.processing_status === "READY") return seen;
    if (seen.processing_status === "FAILED") throw new Error("the video failed");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
const ready = await processed();

// A signed link needs no header.
const poster = await fetch(new URL(ready.poster_url ?? "", base));

const early = await selling.POST("/products/{id}/approve/", { params: { path } });
const approved = taken(await moderating.POST("/products/{id}/approve/", {
  params: { path }, body: { reason: "The video shows the lamp." },
}));
const order = taken(await buying.POST("/orders/", {
  body: { items: [{ product: made.id, quantity: 2 }] },
}));
const timeline = await selling.GET("/products/{id}/moderation/", { params: { path } });

console.log(JSON.stringify({
  made, status: approved.status, poster: poster.headers.get("content-type"),
  early: early.error?.code, total: order.total, timeline: taken(timeline).results,
}));
