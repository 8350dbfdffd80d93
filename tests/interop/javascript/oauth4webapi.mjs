// oauth4webapi, as a client and as an API.
import * as oauth from "oauth4webapi";
import { serve } from "./line.mjs";

const issuer = new URL(process.env.ISSUER);
const loopback = { [oauth.allowInsecureRequests]: true };
const authentication = { basic: oauth.ClientSecretBasic, body: oauth.ClientSecretPost };

async function discover(algorithm) {
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...loopback });
  return oauth.processDiscoveryResponse(issuer, response);
}

// The keys are cached for this object.
const server = await discover("oauth2");

await serve({
  async token({ way, client_id, client_secret, ...parameters }) {
    const [algorithm, method] = way.split(" ");
    const [found, client] = [await discover(algorithm), { client_id }];
    const secret = authentication[method](client_secret);
    const response = await oauth.clientCredentialsGrantRequest(found, client, secret, parameters, loopback);
    const answer = await oauth.processClientCredentialsResponse(found, client, response);
    return answer.access_token;
  },

  async verify({ token }) {
    const headers = { authorization: `Bearer ${token}` };
    const request = new Request("https://api.example.com/", { headers });
    const claims = await oauth.validateJwtAccessToken(server, request, process.env.AUDIENCE, loopback);
    return claims.sub;
  },

  async introspect({ client_id, client_secret, token }) {
    const [client, secret] = [{ client_id }, oauth.ClientSecretBasic(client_secret)];
    const response = await oauth.introspectionRequest(server, client, secret, token, loopback);
    return await oauth.processIntrospectionResponse(server, client, response);
  },

  async revoke({ client_id, client_secret, token }) {
    const [client, secret] = [{ client_id }, oauth.ClientSecretPost(client_secret)];
    const response = await oauth.revocationRequest(server, client, secret, token, loopback);
    await oauth.processRevocationResponse(response);
    return true;
  },
});
