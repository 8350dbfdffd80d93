// express-oauth2-jwt-bearer, strict, before an API: it is given the issuer and the audience, and
// finds the rest.
import { once } from "node:events";
import express from "express";
import { auth } from "express-oauth2-jwt-bearer";
import { patienceMs, serve } from "./line.mjs";

const { ISSUER: issuerBaseURL, AUDIENCE: audience } = process.env;
const api = express();
const options = { issuerBaseURL, audience, strict: true, timeoutDuration: patienceMs };
api.get("/", auth(options), (request, response) => {
  response.json(request.auth.payload.sub);
});
// Without it, express writes every refusal to the standard error.
api.use((error, _request, response, _next) => {
  response.status(error.status ?? 500).set(error.headers ?? {}).end();
});
const listener = api.listen(0, "127.0.0.1");
await once(listener, "listening");

await serve({
  async verify({ token }) {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`http://127.0.0.1:${listener.address().port}/`, { headers });
    if (response.ok) return await response.json();
    throw new Error(`${response.status}: ${response.headers.get("www-authenticate")}`);
  },
});
