export default {
  vetted: {
    input: { target: process.env.OPENAPI },
    output: { target: "generated/orval/client.ts", client: "fetch", mode: "single" },
  },
};
