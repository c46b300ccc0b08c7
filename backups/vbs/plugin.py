"""keystoneauth1's identity plugins, with the keys of `auth` as OpenStack tools write them."""

from collections.abc import Iterable, Mapping
from typing import Any

from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import loading
from keystoneauth1.identity.base import BaseIdentityPlugin

# The generic plugins ask auth_url for a version list and then send the password to an address found
# in it (API.md §10); the v3 plugins send it to auth_url only.
_V3 = {"password": "v3password", "token": "v3token"}
# Version 2 of the identity API; ways that need a person at a screen or keys that change; and those
# whose own libraries are not installed with vbsdash: keystoneauth1 fails while it loads some.
UNSUPPORTED = frozenset(
    {
        "v2password",
        "v2token",
        "v3adfspassword",
        "v3fedkerb",
        "v3kerberos",
        "v3multifactor",
        "v3oauth1",
        "v3oidcauthcode",
        "v3oidcdeviceauthz",
        "v3samlpassword",
        "v3websso",
    }
)
_SCOPE = frozenset(
    {"domain_id", "domain_name", "project_id", "project_name", "system_scope", "trust_id"}
)
# What the refusal of an unknown `auth_type` advises.
USUAL_AUTH_TYPES = "password, v3applicationcredential, token or aksk"


def plugin_name(auth_type: str) -> str:
    return _V3.get(auth_type, auth_type)


def option_names(auth_type: str) -> dict[str, str]:
    """Returns every accepted key of `auth` and the plugin's own word for it; none for a type that
    is no way to sign in. A key without such a word is read here alone (`_fill_domains`).
    """
    if auth_type in UNSUPPORTED:
        return {}
    try:
        options = loading.get_plugin_loader(plugin_name(auth_type)).get_options()
    except ks_exceptions.NoMatchingPlugin:
        return {}
    names: dict[str, str] = {}
    for option in options:
        for old in option.deprecated:
            names[old.dest] = option.dest
    for option in options:
        names[option.dest] = option.dest
    if "auth_url" not in names:
        # It signs in nowhere, so there is no catalog and no project: none, admin_token, http_basic.
        return {}
    if auth_type == "v3applicationcredential":
        # It is of one project; Keystone refuses one that asks for a scope.
        names = {key: word for key, word in names.items() if word not in _SCOPE}
    if "project_id" in names:  # Older tools call a project a tenant.
        names["tenant_id"] = "project_id"
        names["tenant_name"] = "project_name"
    return {**names, "default_domain": "", "default_domain_id": "", "default_domain_name": ""}


def load_plugin(auth_type: str, auth: Mapping[str, str | None]) -> BaseIdentityPlugin:
    """Returns a keystoneauth1 identity plugin; ValueError says which key of `auth` is wrong."""
    names = option_names(auth_type)
    if not names:
        raise ValueError(f"auth_type {auth_type!r} is unknown: write {USUAL_AUTH_TYPES}")
    unknown = sorted(set(auth) - set(names))
    if unknown:
        raise ValueError(f"auth holds the unknown key {unknown[0]!r}: remove or correct it")
    options: dict[str, str] = {}
    for key, value in auth.items():
        if names[key] and value is not None:
            options[names[key]] = value
    if "user_id" in options:
        # It counts, and needs no domain, as with other tools.
        options.pop("username", None)
    _fill_domains(options, auth)
    url = options.get("auth_url", "").rstrip("/")
    options["auth_url"] = url if url.endswith("/v3") else f"{url}/v3"
    accepted = set(names.values())
    options = {key: value for key, value in options.items() if key in accepted}
    loader: Any = loading.get_plugin_loader(plugin_name(auth_type))
    try:
        plugin: object = loader.load_from_options(**options)
    except (ks_exceptions.AuthPluginException, TypeError) as e:
        raise ValueError(
            f"auth is not complete for auth_type {auth_type} ({' '.join(str(e).split())})"
        ) from e
    if not isinstance(plugin, BaseIdentityPlugin):
        raise ValueError(
            f"auth_type {auth_type!r} signs in nowhere: write password, v3applicationcredential "
            "or token"
        )
    return plugin


def _fill_domains(options: dict[str, str], auth: Mapping[str, str | None]) -> None:
    """Names the domain of user and project where it is missing, as other tools do.

    The first of these that is there counts: `domain_*` beside a project, `default_domain*`; and a
    project lives in its user's domain unless another one is named.
    """
    domains: list[tuple[str, str | None]] = []
    if "project_id" in options or "project_name" in options:
        # Beside a project, domain_* is no scope of the token but says where user and project live.
        domains.append(("id", options.pop("domain_id", None)))
        domains.append(("name", options.pop("domain_name", None)))
    domains.append(("id", auth.get("default_domain_id") or auth.get("default_domain")))
    domains.append(("name", auth.get("default_domain_name")))
    _fill_domain(options, "user", domains)
    domains.append(("id", options.get("user_domain_id")))
    domains.append(("name", options.get("user_domain_name")))
    _fill_domain(options, "project", domains)


def _fill_domain(
    options: dict[str, str], owner: str, domains: Iterable[tuple[str, str | None]]
) -> None:
    if f"{owner}_domain_id" in options or f"{owner}_domain_name" in options:
        return
    for id_or_name, domain in domains:
        if domain:
            options[f"{owner}_domain_{id_or_name}"] = domain
            return
