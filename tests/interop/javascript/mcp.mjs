// The MCP SDK on both sides: an MCP server that is a protected resource of Ostler, and an agent
// that is given the server's URL and a credential, and finds the rest.
import { once } from "node:events";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ClientCredentialsProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { InvalidTokenError } from "@modelcontextprotocol/sdk/server/auth/errors.js";
import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import { getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter } from "@modelcontextprotocol/sdk/server/auth/router.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import express from "express";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { patienceMs, serve } from "./line.mjs";

const issuer = process.env.ISSUER;
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), {
  timeoutDuration: patienceMs,
});

const app = express();
const listener = app.listen(0, "127.0.0.1");
await once(listener, "listening");
const resource = new URL(`http://127.0.0.1:${listener.address().port}/mcp`);

const verifier = {
  async verifyAccessToken(token) {
    const expected = { issuer, audience: resource.href, typ: "at+jwt" };
    const { payload } = await jwtVerify(token, keys, expected).catch((error) => {
      throw new InvalidTokenError(error.message);
    });
    return {
      token,
      clientId: payload.client_id,
      scopes: payload.scope.split(" "),
      expiresAt: payload.exp,
      resource: new URL(payload.aud),
      extra: { subject: payload.sub },
    };
  },
};

// A server for each request: nothing is kept between them.
async function answer(request, response) {
  const server = new McpServer({ name: "interop", version: "1.0.0" });
  server.registerTool("whoami", { description: "Names the caller" }, ({ authInfo }) => ({
    content: [{ type: "text", text: authInfo.extra.subject }],
  }));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on("close", () => server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
}

const metadata = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
app.use(mcpAuthMetadataRouter({ oauthMetadata: await metadata.json(), resourceServerUrl: resource }));
app.post(
  "/mcp",
  requireBearerAuth({
    verifier,
    requiredScopes: ["tools:call"],
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resource),
    expectedResource: resource,
  }),
  express.json(),
  answer,
);

// Who the server says that an agent is.
async function whoami(options) {
  const agent = new Client({ name: "agent", version: "1.0.0" });
  await agent.connect(new StreamableHTTPClientTransport(resource, options));
  const { content } = await agent.callTool({ name: "whoami" });
  await agent.close();
  return content[0].text;
}

await serve({
  resource: () => resource.href,

  async token({ client_id: clientId, client_secret: clientSecret, scope }) {
    const options = { clientId, clientSecret, scope, expectedIssuer: issuer };
    const authProvider = new ClientCredentialsProvider(options);
    await whoami({ authProvider });
    return authProvider.tokens().access_token;
  },

  verify: ({ token }) => whoami({ requestInit: { headers: { authorization: `Bearer ${token}` } } }),
});
