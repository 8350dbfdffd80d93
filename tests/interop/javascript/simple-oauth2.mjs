// simple-oauth2, which is told the host and finds the endpoints at its own default paths.
import { ClientCredentials } from "simple-oauth2";
import { serve } from "./line.mjs";

const ways = {
  "basic strict": { authorizationMethod: "header", credentialsEncodingMode: "strict" },
  "basic loose": { authorizationMethod: "header", credentialsEncodingMode: "loose" },
  body: { authorizationMethod: "body" },
};

const client = ({ way = "basic strict", client_id, client_secret }) =>
  new ClientCredentials({
    client: { id: client_id, secret: client_secret },
    auth: { tokenHost: process.env.ISSUER },
    options: ways[way],
  });

// Its errors carry the server's answer as data.
const withAnswer = (error) => {
  throw new Error(`${error.message}: ${JSON.stringify(error.data?.payload)}`);
};

await serve({
  async token({ scope, resource, ...wish }) {
    const answer = await client(wish).getToken({ scope, resource }).catch(withAnswer);
    return answer.token.access_token;
  },

  async revoke({ token, ...wish }) {
    await client(wish).createToken({ access_token: token }).revoke("access_token").catch(withAnswer);
    return true;
  },
});
