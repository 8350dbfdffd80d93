// jose, as an API uses it.
import { createRemoteJWKSet, jwtVerify } from "jose";
import { patienceMs, serve } from "./line.mjs";

const { ISSUER: issuer, AUDIENCE: audience } = process.env;
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), {
  timeoutDuration: patienceMs,
});

await serve({
  async verify({ token }) {
    const { payload } = await jwtVerify(token, keys, { issuer, audience, typ: "at+jwt" });
    return payload.sub;
  },
});
