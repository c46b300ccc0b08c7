"""A real provider of OpenID Connect on loopback: oidc-provider-mock, which is Authlib's server.

In front of it stands what it lacks (it looks at no challenge of PKCE) and what a bad one would do.
"""

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

import requests
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import RSAKey
from oidc_provider_mock import app as provider_app
from oidc_provider_mock._server import _threaded_server
from oidc_provider_mock._storage import storage

from backups.tests.run_settings import LIMIT_S

CLIENT_ID = "vbsdash"
CLIENT_SECRET = "s3cret-of-the-client"
Claims = dict[str, Any]


class Provider:
    """`authorizations` and `exchanges`: the parameters that came to the two endpoints."""

    def __init__(self) -> None:
        self.app = provider_app()
        self.issuer = ""
        self.reset()

    def reset(self) -> None:
        """Forgets what came, and is a good one again."""
        self.authorizations: list[dict[str, str]] = []
        self.exchanges: list[dict[str, str]] = []
        # What a bad provider makes of an ID token's claims before it is signed, or of the token.
        self.spoil_claims: Callable[[Claims], object] | None = None
        self.spoil_token: Callable[[str], str] | None = None
        # By path: an answer in place of the provider's.
        self.answers: dict[str, tuple[int, bytes]] = {}

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        path = environ["PATH_INFO"]
        if path in self.answers:
            status, content = self.answers[path]
            start(f"{status} As the test says", [("Content-Type", "application/json")])
            return [content]
        if path == "/oauth2/authorize":
            self.authorizations.append(dict(parse_qsl(environ.get("QUERY_STRING", ""))))
        if path == "/oauth2/token":
            length = int(environ.get("CONTENT_LENGTH") or 0)
            body = environ["wsgi.input"].read(length)
            self.exchanges.append(dict(parse_qsl(body.decode())))
            environ["wsgi.input"] = io.BytesIO(body)
            if not self._knows_verifier():
                start("400 Bad Request", [("Content-Type", "application/json")])
                return [b'{"error": "invalid_grant"}']
            return self._exchange(environ, start)
        return list(self.app.wsgi_app(environ, start))

    def person(self, subject: str, **claims: object) -> None:
        """Makes a person, or changes what the provider tells of one."""
        answer = requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=LIMIT_S)
        answer.raise_for_status()

    def agree(self, address: str, subject: str) -> str:
        """Does what a person does in a browser at the provider; returns the address that it is sent
        back to.
        """
        answer = requests.post(
            address, data={"sub": subject}, allow_redirects=False, timeout=LIMIT_S
        )
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def forget_code(self, code: str) -> None:
        """As when the minute of a code is over."""
        with self.app.test_request_context("/"):
            self.app.preprocess_request()
            storage.remove_authorization_code(code)

    def _knows_verifier(self) -> bool:
        """Looks whether the exchange has the verifier of a challenge that was sent before."""
        verifier = self.exchanges[-1].get("code_verifier", "")
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return any(
            sent.get("code_challenge_method") == "S256" and sent.get("code_challenge") == challenge
            for sent in self.authorizations
        )

    def _exchange(self, environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        heads: list[Any] = []
        parts = self.app.wsgi_app(environ, lambda *words: heads.append(words))
        content = b"".join(parts)
        status = heads[0][0]
        if status.startswith("200"):
            tokens = json.loads(content)
            tokens["id_token"] = self._spoilt(tokens["id_token"])
            content = json.dumps(tokens).encode()
        start(status, [("Content-Type", "application/json")])
        return [content]

    def _spoilt(self, token: str) -> str:
        if self.spoil_claims is not None:
            head, body, _ = token.split(".")
            claims = json.loads(_decoded(body))
            self.spoil_claims(claims)
            token = joserfc_jwt.encode(json.loads(_decoded(head)), claims, self._key())
        return self.spoil_token(token) if self.spoil_token is not None else token

    def _key(self) -> RSAKey:
        with self.app.test_request_context("/"):
            self.app.preprocess_request()
            return RSAKey.import_key(storage.jwk.as_dict(is_private=True))


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def unsigned(token: str) -> str:
    """Returns the token with the algorithm `none` and no signature."""
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def signed_by_secret(token: str) -> str:
    """Returns the token as who knows the client's secret can sign it."""
    from joserfc.jwk import OctKey

    claims = json.loads(_decoded(token.split(".")[1]))
    return joserfc_jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET))


@contextmanager
def provider() -> Iterator[Provider]:
    running = Provider()
    with _threaded_server(running, host="127.0.0.1", poll_interval=0.01) as server:
        running.issuer = f"http://127.0.0.1:{server.server_port}"
        yield running
