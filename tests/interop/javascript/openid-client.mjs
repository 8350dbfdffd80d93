// openid-client, as a client that discovers the server.
import * as openid from "openid-client";
import { serve } from "./line.mjs";

const authentication = { basic: openid.ClientSecretBasic, body: openid.ClientSecretPost };

function discover({ way = "oauth2 basic", client_id, client_secret }) {
  const [algorithm, method] = way.split(" ");
  const options = { algorithm, execute: [openid.allowInsecureRequests] };
  const secret = authentication[method](client_secret);
  return openid.discovery(new URL(process.env.ISSUER), client_id, undefined, secret, options);
}

await serve({
  async token({ scope, resource, ...client }) {
    const answer = await openid.clientCredentialsGrant(await discover(client), { scope, resource });
    return answer.access_token;
  },

  async introspect({ token, ...client }) {
    return await openid.tokenIntrospection(await discover(client), token);
  },

  async revoke({ token, ...client }) {
    await openid.tokenRevocation(await discover(client), token);
    return true;
  },
});
