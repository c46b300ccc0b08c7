"""keystoneauth1's identity plugins, with the keys of `auth` as OpenStack tools write them."""

import re
from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import loading
from keystoneauth1.identity.base import BaseIdentityPlugin

# The generic plugins ask auth_url for a version list and then send the password to an address found
# in it (API.md §10); the v3 plugins send it to auth_url only.
_V3 = {"password": "v3password", "token": "v3token"}


def plugin_name(auth_type: str) -> str:
    return _V3.get(auth_type, auth_type)


def option_names(auth_type: str) -> dict[str, str]:
    """Every accepted key of `auth` and the plugin's own word for it; empty for a type that is no
    way to sign in.
    """
    try:
        options = loading.get_plugin_loader(plugin_name(auth_type)).get_options()
    except ks_exceptions.NoMatchingPlugin:
        return {}
    names = {old.dest: option.dest for option in options for old in option.deprecated}
    names |= {option.dest: option.dest for option in options}
    if "auth_url" not in names:
        # signs in nowhere, so there is no catalog and no project: none, admin_token, http_basic
        return {}
    if "project_id" in names:
        names |= {
            "tenant_id": "project_id",
            "tenant_name": "project_name",
        }  # as older tools call them
    return {**names, "default_domain": "", "default_domain_id": "", "default_domain_name": ""}


def load_plugin(auth_type: str, auth: Mapping[str, Any]) -> BaseIdentityPlugin:
    """A keystoneauth1 identity plugin; ValueError says which key of `auth` is wrong."""
    names = option_names(auth_type)
    if not names:
        raise ValueError(
            f"auth_type {auth_type!r} is unknown: write password, v3applicationcredential, token "
            "or aksk"
        )
    if unknown := sorted(set(auth) - set(names)):
        raise ValueError(f"auth holds the unknown key {unknown[0]!r}: remove or correct it")
    options = {names[key]: value for key, value in auth.items() if names[key] and value is not None}
    _fill_domains(options, auth)
    url = str(options.get("auth_url", "")).rstrip("/")
    options["auth_url"] = url if re.search(r"/v3$", url) else f"{url}/v3"
    options = {key: value for key, value in options.items() if key in names.values()}
    try:
        plugin: object = loading.get_plugin_loader(plugin_name(auth_type)).load_from_options(
            **options
        )
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


def _fill_domains(options: dict[str, Any], auth: Mapping[str, Any]) -> None:
    """Name the domain of user and project where it is missing, by the first of these that is there,
    as other tools do: `domain_*` beside a project, `default_domain*`; and a project lives in its
    user's domain unless told otherwise.
    """
    scoped = options.keys() & {"project_id", "project_name"}
    one = {kind: options.pop(f"domain_{kind}", None) if scoped else None for kind in ("id", "name")}
    default = {
        "id": auth.get("default_domain_id") or auth.get("default_domain"),
        "name": auth.get("default_domain_name"),
    }
    for owner in ("user", "project"):
        users = (
            {kind: options.get(f"user_domain_{kind}") for kind in ("id", "name")}
            if owner == "project"
            else {}
        )
        for kind, domain in [*one.items(), *default.items(), *users.items()]:
            if domain and not options.keys() & {f"{owner}_domain_id", f"{owner}_domain_name"}:
                options[f"{owner}_domain_{kind}"] = domain
