"""PyJWT, as an API uses it."""

import os

import jwt

from line import serve

ISSUER = os.environ["ISSUER"]
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json")


def verify(token):
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["ES256", "RS256", "EdDSA"],
        issuer=ISSUER,
        audience=os.environ["AUDIENCE"],
        options={"require": ["exp", "iat", "iss", "aud", "sub"]},
    )
    return claims["sub"]


serve(verify=verify)
