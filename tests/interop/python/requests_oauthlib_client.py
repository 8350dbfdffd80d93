"""requests-oauthlib, as a client."""

import os

from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from line import serve

# It wants TLS, even on the loopback interface.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def token(way, client_id, client_secret, **parameters):
    session = OAuth2Session(client=BackendApplicationClient(client_id=client_id))
    proof = {
        "basic": {"auth": HTTPBasicAuth(client_id, client_secret)},
        "basic and client_id": {"auth": HTTPBasicAuth(client_id, client_secret), "include_client_id": True},
        "body": {"client_secret": client_secret, "include_client_id": True},
    }[way]
    url = f"{os.environ['ISSUER']}/oauth/token"
    return session.fetch_token(url, **proof, **parameters)["access_token"]


serve(token=token)
