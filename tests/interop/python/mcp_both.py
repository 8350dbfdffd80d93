"""The MCP SDK on both sides: an MCP server that is a protected resource of Ostler, and an agent
that is given the server's URL and a credential, and finds the rest."""

import asyncio
import os
import socket
import threading

import httpx2
import jwt
import uvicorn
from mcp import Client
from mcp.client.auth import TokenStorage
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

from line import serve

ISSUER = os.environ["ISSUER"]
listener = socket.create_server(("127.0.0.1", 0))
RESOURCE = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"


class Verifier(TokenVerifier):
    """By the published keys. The SDK tells an agent no more than that a token was refused."""

    keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json")
    refusal = None

    async def verify_token(self, token):
        # Fetching keys must not keep the server from answering.
        return await asyncio.to_thread(self.verify, token)

    def verify(self, token):
        try:
            key = self.keys.get_signing_key_from_jwt(token)
            claims = jwt.decode(token, key, algorithms=["ES256", "RS256", "EdDSA"], issuer=ISSUER, audience=RESOURCE)
        except jwt.InvalidTokenError as error:
            self.refusal = error
            return None
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims["scope"].split(),
            expires_at=claims["exp"],
            resource=claims["aud"],
            subject=claims["sub"],
            claims=claims,
        )


verifier = Verifier()
server = MCPServer(
    "interop",
    log_level="ERROR",
    token_verifier=verifier,
    auth=AuthSettings(
        issuer_url=ISSUER,
        resource_server_url=RESOURCE,
        required_scopes=["tools:call"],
        validate_token_resource=True,
    ),
)


@server.tool()
def whoami() -> str:
    """Names the caller."""
    return get_access_token().subject


class Storage(TokenStorage):
    """Keeps what one agent was given."""

    tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return None

    async def set_client_info(self, client_info):
        pass


async def ask_whoami(**options):
    """Who the server says that an agent is."""
    async with httpx2.AsyncClient(timeout=60, **options) as http:
        async with Client(streamable_http_client(RESOURCE, http_client=http)) as agent:
            answer = await agent.call_tool("whoami")
            return answer.content[0].text


def token(way, client_id, client_secret, scope, **_resource):
    storage = Storage()
    methods = {"basic": "client_secret_basic", "body": "client_secret_post"}
    provider = ClientCredentialsOAuthProvider(
        server_url=RESOURCE,
        storage=storage,
        client_id=client_id,
        client_secret=client_secret,
        token_endpoint_auth_method=methods[way],
        scope=scope,
        issuer=ISSUER,
    )
    asyncio.run(ask_whoami(auth=provider))
    return storage.tokens.access_token


def verify(token):
    verifier.refusal = None
    try:
        return asyncio.run(ask_whoami(headers={"authorization": f"Bearer {token}"}))
    except Exception as error:
        raise error from verifier.refusal


app = server.streamable_http_app(stateless_http=True, json_response=True)
uvicorn_server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
threading.Thread(target=uvicorn_server.run, args=([listener],), daemon=True).start()

serve(resource=lambda: RESOURCE, token=token, verify=verify)
