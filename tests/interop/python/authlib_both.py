"""Authlib, as a client that discovers the server and as an API (its validator of RFC 9068)."""

import os
import time

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator

from line import serve

ISSUER = os.environ["ISSUER"]
server = AuthorizationServerMetadata(requests.get(get_well_known_url(ISSUER, external=True)).json())
methods = {"basic": "client_secret_basic", "body": "client_secret_post"}


def session(client_id, client_secret, way="basic"):
    return OAuth2Session(client_id, client_secret, token_endpoint_auth_method=methods[way])


def token(client_id, client_secret, way, **parameters):
    answer = session(client_id, client_secret, way).fetch_token(
        server["token_endpoint"], grant_type="client_credentials", **parameters
    )
    return answer["access_token"]


def introspect(client_id, client_secret, token):
    answer = session(client_id, client_secret).introspect_token(server["introspection_endpoint"], token=token)
    return answer.json()


def revoke(client_id, client_secret, token):
    answer = session(client_id, client_secret).revoke_token(server["revocation_endpoint"], token=token)
    return answer.ok


class Validator(JWTBearerTokenValidator):
    """Keeping the keys is left to the API, which does it for a minute."""

    keys = None
    fetched_at = 0.0

    def get_jwks(self):
        if self.keys is None or time.monotonic() - self.fetched_at > 60:
            self.keys = requests.get(server["jwks_uri"]).json()
            self.fetched_at = time.monotonic()
        return self.keys


validator = Validator(issuer=ISSUER, resource_server=os.environ["AUDIENCE"])


def verify(token):
    claims = validator.authenticate_token(token)
    validator.validate_token(claims, ["tools:call"], None)
    return claims["sub"]


serve(token=token, introspect=introspect, revoke=revoke, verify=verify)
