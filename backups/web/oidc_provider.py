"""The provider of OpenID Connect: its discovery document, and calls to it that end in time, stay
small and follow no redirect.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.cache import cache

from backups.shared.refusal import printable
from backups.vbs.bounded import BoundedAdapter
from backups.vbs.deadline import set_deadline
from backups.vbs.errors import VBSError
from backups.vbs.json_object import JsonObject

DISCOVERY_PATH = "/.well-known/openid-configuration"
CALL_SECONDS = 8.0
MOST_BYTES = 2**20  # of an answer; many keys or groups are some 100 KB
DISCOVERY_KEPT_S = 600
FAILURE_KEPT_S = 10
LONGEST_ERROR = 60  # characters of what the provider calls its error
_CACHE_KEY = "oidc-discovery"


class ProviderFailed(Exception):
    """The provider gave no answer that can be used. The text is for the log: it may name addresses,
    never what was sent.
    """


class ProviderRefused(Exception):
    """The provider took the code or the client for none of its own; the text is its error's name,
    as `invalid_grant`.
    """


@dataclass(frozen=True)
class Discovery:
    """`userinfo_endpoint` and `end_session_endpoint` are empty where there are none.
    `secret_in_form`: the client's secret is sent in the form, else as Basic authorization.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    secret_in_form: bool


def discovery() -> Discovery:
    """Returns where the provider is reached, as it was within the last ten minutes. Raises
    ProviderFailed, within ten seconds of a failure without asking again: each question may hold a
    thread for CALL_SECONDS.
    """
    known: Discovery | str | None = cache.get(_CACHE_KEY)
    if known is None:
        try:
            known = _read_discovery(call("GET", settings.OIDC.issuer + DISCOVERY_PATH))
        except (ProviderFailed, ProviderRefused) as e:
            cache.set(_CACHE_KEY, str(e), FAILURE_KEPT_S)
            raise
        cache.set(_CACHE_KEY, known, DISCOVERY_KEPT_S)
    if isinstance(known, str):
        raise ProviderFailed(known)
    return known


def call(
    method: str,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    authorization: str | None = None,
) -> JsonObject:
    """Returns the object that one call gives. Raises ProviderFailed, and ProviderRefused where an
    answer of 4xx names its error.
    """
    headers = {"Accept": "application/json"}
    if authorization is not None:
        headers["Authorization"] = authorization
    place = urlsplit(url).netloc
    adapter = BoundedAdapter(MOST_BYTES, settings.OIDC.proxies, settings.OIDC.verify)
    timeout = set_deadline(time.monotonic() + CALL_SECONDS)
    try:
        request = requests.Request(method, url, data=form, headers=headers).prepare()
        response = adapter.send(request, timeout=timeout, verify=settings.OIDC.verify)
        content = response.json()
    except (requests.RequestException, VBSError, ValueError, OSError, RecursionError) as e:
        raise ProviderFailed(f"{place} gave no answer that can be read: {type(e).__name__}") from e
    finally:
        adapter.close()
    if not isinstance(content, dict):
        raise ProviderFailed(f"{place} answered with no object")
    if response.status_code != requests.codes.ok:
        error = content.get("error")
        if response.status_code < 500 and isinstance(error, str):
            raise ProviderRefused(printable(error, LONGEST_ERROR))
        raise ProviderFailed(f"{place} answered {response.status_code}")
    return content


def _read_discovery(document: JsonObject) -> Discovery:
    issuer = _text(document, "issuer")
    if issuer.rstrip("/") != settings.OIDC.issuer:
        raise ProviderFailed(
            "the discovery document is of another issuer than VBSDASH_OIDC_ISSUER names"
        )
    methods = document.get("token_endpoint_auth_methods_supported")
    return Discovery(
        issuer=issuer,
        authorization_endpoint=_address(document, "authorization_endpoint"),
        token_endpoint=_address(document, "token_endpoint"),
        jwks_uri=_address(document, "jwks_uri"),
        userinfo_endpoint=_address(document, "userinfo_endpoint", optional=True),
        end_session_endpoint=_address(document, "end_session_endpoint", optional=True),
        # Basic is what counts where a provider does not say it.
        secret_in_form=isinstance(methods, list) and "client_secret_post" in methods,
    )


def _text(document: JsonObject, key: str) -> str:
    value: Any = document.get(key)
    if not isinstance(value, str) or not value:
        raise ProviderFailed(f"the discovery document has no {key}")
    return value


def _address(document: JsonObject, key: str, *, optional: bool = False) -> str:
    """Returns an address that is reached as safely as the issuer is."""
    if optional and not document.get(key):
        return ""
    address = _text(document, key)
    try:
        parts = urlsplit(address)
    except ValueError as e:
        raise ProviderFailed(f"{key} of the discovery document is no address") from e
    # It goes into headers too.
    is_plain = address.isascii() and address.isprintable() and " " not in address
    is_safe = parts.scheme == "https" or settings.OIDC.issuer.startswith("http:")
    if parts.scheme not in ("https", "http") or not (parts.netloc and is_safe and is_plain):
        raise ProviderFailed(f"{key} of the discovery document is no https:// address")
    return address
