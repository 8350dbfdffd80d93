"""httpx-auth, which gets a token when a request needs one."""

import os

import httpx
from httpx_auth import OAuth2ClientCredentials

from line import serve


def api(request):
    """An API that tells what it was sent."""
    return httpx.Response(200, json=request.headers["authorization"])


def token(way, client_id, client_secret, **parameters):
    url = f"{os.environ['ISSUER']}/oauth/token"
    auth = OAuth2ClientCredentials(url, client_id, client_secret, **parameters)
    with httpx.Client(transport=httpx.MockTransport(api)) as client:
        sent = client.get(os.environ["AUDIENCE"], auth=auth).json()
    return sent.removeprefix("Bearer ")


serve(token=token)
