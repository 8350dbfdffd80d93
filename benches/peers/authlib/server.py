"""PyPI Authlib as an authorization server for one machine client: JWT access tokens (RFC 9068),
signed with ES256, everything in memory. Run by gunicorn: `server:app`."""

import hmac
import os
from pathlib import Path

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask
from flask import jsonify
from joserfc.jwk import ECKey
from joserfc.jwk import KeySet

ISSUER = os.environ["PEER_ISSUER"]
AUDIENCE = os.environ["PEER_AUDIENCE"]
SCOPES = {"read", "write"}
KEY = ECKey.import_key(
    Path(os.environ["PEER_KEY_FILE"]).read_bytes(),
    {"kid": "peer", "alg": "ES256", "use": "sig"},
)
KEYS = KeySet([KEY])


class Client(ClientMixin):
    def __init__(self, client_id, secret):
        self.client_id = client_id
        self.secret = secret

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return " ".join(name for name in scope.split() if name in SCOPES)

    def check_redirect_uri(self, redirect_uri):
        return False

    def check_client_secret(self, client_secret):
        return hmac.compare_digest(self.secret, client_secret)

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_response_type(self, response_type):
        return False

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class TokenGenerator(JWTBearerTokenGenerator):
    def get_jwks(self):
        return KEYS

    def get_audiences(self, client, user, scope):
        return AUDIENCE


CLIENTS = {
    os.environ["PEER_CLIENT_ID"]: Client(
        os.environ["PEER_CLIENT_ID"], os.environ["PEER_CLIENT_SECRET"]
    )
}

app = Flask(__name__)
server = AuthorizationServer(
    app, query_client=CLIENTS.get, save_token=lambda token, request: None
)
server.register_grant(grants.ClientCredentialsGrant)
server.register_token_generator("default", TokenGenerator(ISSUER, alg="ES256"))


@app.post("/oauth/token")
def token():
    return server.create_token_response()


@app.get("/.well-known/jwks.json")
def jwks():
    return jsonify(KEYS.as_dict(private=False))
