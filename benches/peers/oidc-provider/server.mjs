// npm oidc-provider as an authorization server for one machine client: JWT access tokens of one
// resource server, signed with ES256, everything in memory.
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";

import { Provider } from "oidc-provider";

const { PEER_PORT, PEER_ISSUER, PEER_AUDIENCE, PEER_KEY_FILE, PEER_CLIENT_ID, PEER_CLIENT_SECRET } =
  process.env;
const key = createPrivateKey(readFileSync(PEER_KEY_FILE)).export({ format: "jwk" });

const provider = new Provider(PEER_ISSUER, {
  clients: [
    {
      client_id: PEER_CLIENT_ID,
      client_secret: PEER_CLIENT_SECRET,
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
      scope: "read write",
      id_token_signed_response_alg: "ES256",
    },
  ],
  scopes: ["read", "write"],
  jwks: { keys: [{ ...key, alg: "ES256", use: "sig", kid: "peer" }] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => PEER_AUDIENCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        audience: PEER_AUDIENCE,
        scope: "read write",
        accessTokenFormat: "jwt",
        accessTokenTTL: 900,
        jwt: { sign: { alg: "ES256", kid: "peer" } },
      }),
    },
  },
});

const server = provider.listen(Number(PEER_PORT), "127.0.0.1");
// The load keeps its connections for longer than the 5 seconds of Node's default.
server.keepAliveTimeout = 120_000;
