"""joserfc, as an API uses it. Fetching keys is left to the API, which does it for an unknown one."""

import os

import requests
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet

from line import serve

ISSUER = os.environ["ISSUER"]
claims_of_ours = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": os.environ["AUDIENCE"]},
    exp={"essential": True},
    sub={"essential": True},
)


def fetch():
    return KeySet.import_key_set(requests.get(f"{ISSUER}/.well-known/jwks.json").json())


keys = fetch()


def decode(token):
    global keys
    try:
        return jwt.decode(token, keys, algorithms=["ES256", "RS256", "EdDSA"])
    except InvalidKeyIdError:
        keys = fetch()
        return jwt.decode(token, keys, algorithms=["ES256", "RS256", "EdDSA"])


def verify(token):
    decoded = decode(token)
    claims_of_ours.validate(decoded.claims)
    return decoded.claims["sub"]


serve(verify=verify)
