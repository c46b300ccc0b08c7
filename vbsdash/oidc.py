"""The provider of OpenID Connect by which people sign in, as VBSDASH_OIDC_… name it.

Nobody asks the provider at the start: it may be away then.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from backups.vbs.config_keys import ConfigKeys
from backups.vbs.errors import ConfigurationError
from backups.vbs.proxies import DIRECT, Proxies, read_proxies
from backups.vbs.quoted import quoted
from backups.vbs.tls_settings import TlsSettings
from backups.vbs.url_parts import WrongUrl, refuse_unknown_options, take_apart

PREFIX = "VBSDASH_OIDC_"
DISCOVERY_PATH = "/.well-known/openid-configuration"
EXAMPLE = "https://sso.example.com/realms/company"
DEFAULT_SCOPES = "openid profile email"
DEFAULT_NAME_CLAIM = "preferred_username"
DEFAULT_GROUPS_CLAIM = "groups"
DEFAULT_BUTTON = "Sign in with single sign-on"
LONGEST_BUTTON = 60  # characters


@dataclass(frozen=True)
class Oidc:
    """`issuer` has no slash at its end. `groups_claim` may lead into objects, by dots.
    `verify` as in CloudConfig.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str
    name_claim: str
    groups_claim: str
    button: str
    proxies: Proxies = field(repr=False)
    verify: bool | str

    @property
    def is_configured(self) -> bool:
        return bool(self.issuer)


NO_PROVIDER = Oidc(
    issuer="",
    client_id="",
    client_secret="",
    scopes="",
    name_claim="",
    groups_claim="",
    button="",
    proxies=DIRECT,
    verify=True,
)


def read(env: Mapping[str, str], *, folder: Path) -> Oidc:
    """Returns NO_PROVIDER where no issuer is named."""
    written = sorted(name for name, value in env.items() if name.startswith(PREFIX) and value)
    if not env.get("VBSDASH_OIDC_ISSUER"):
        if written:
            raise ConfigurationError(
                f"{written[0]} has no effect without VBSDASH_OIDC_ISSUER: set that too, as "
                f"{EXAMPLE}, or unset this one."
            )
        return NO_PROVIDER
    issuer = _issuer(env["VBSDASH_OIDC_ISSUER"])
    for name in ("VBSDASH_OIDC_CLIENT_ID", "VBSDASH_OIDC_CLIENT_SECRET"):
        if not env.get(name):
            raise ConfigurationError(
                f"{name} is missing beside VBSDASH_OIDC_ISSUER: set it to what the provider says "
                "of its client."
            )
    if find_spec("mozilla_django_oidc") is None:
        raise ConfigurationError(
            "VBSDASH_OIDC_ISSUER needs mozilla-django-oidc, which is not installed: run make oidc, "
            "or pip install --require-hashes -r requirements-oidc.txt."
        )
    tls = TlsSettings({}, ConfigKeys("VBSDASH_OIDC_ISSUER"), env, folder)
    return Oidc(
        issuer=issuer,
        client_id=env["VBSDASH_OIDC_CLIENT_ID"],
        client_secret=env["VBSDASH_OIDC_CLIENT_SECRET"],
        scopes=_scopes(env),
        name_claim=env.get("VBSDASH_OIDC_NAME_CLAIM") or DEFAULT_NAME_CLAIM,
        groups_claim=env.get("VBSDASH_OIDC_GROUPS_CLAIM") or DEFAULT_GROUPS_CLAIM,
        button=_button(env),
        proxies=read_proxies(env),
        verify=tls.verify(),
    )


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _issuer(value: str) -> str:
    """Returns the issuer; the address of its discovery document names it too."""
    try:
        parts = take_apart(value, schemes=("https", "http"), example=EXAMPLE)
        refuse_unknown_options(parts, ())
    except WrongUrl as e:
        raise ConfigurationError(f"VBSDASH_OIDC_ISSUER {e}.") from None
    if parts.user is not None:
        raise ConfigurationError(
            f"VBSDASH_OIDC_ISSUER holds a user: write the address alone, as {EXAMPLE}."
        )
    if parts.scheme == "http" and not is_loopback(parts.host):
        raise ConfigurationError(
            "VBSDASH_OIDC_ISSUER begins with http://, over which anybody on the way could sign in "
            f"as anybody: write https://, as {EXAMPLE}."
        )
    return parts.url().removesuffix(DISCOVERY_PATH).rstrip("/")


def _scopes(env: Mapping[str, str]) -> str:
    scopes = (env.get("VBSDASH_OIDC_SCOPES") or DEFAULT_SCOPES).replace(",", " ").split()
    if "openid" not in scopes:
        raise ConfigurationError(
            f"VBSDASH_OIDC_SCOPES is {quoted(' '.join(scopes))}, without openid: add it, as in "
            f"{DEFAULT_SCOPES}."
        )
    return " ".join(scopes)


def _button(env: Mapping[str, str]) -> str:
    text = " ".join((env.get("VBSDASH_OIDC_BUTTON") or DEFAULT_BUTTON).split())
    if len(text) > LONGEST_BUTTON or not text.isprintable():
        raise ConfigurationError(
            f"VBSDASH_OIDC_BUTTON is {quoted(text)}: write at most {LONGEST_BUTTON} characters "
            "that can be shown."
        )
    return text
