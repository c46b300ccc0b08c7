"""The clouds of `clouds.yaml` and of the `OS_*` variables, checked, as plain values.

A mistake is a ConfigurationError: one sentence that names file, cloud, key and cure, never a secret.
"""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import yaml
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import loading

from backups.vbs.errors import ConfigurationError

AKSK = "aksk"
ENVVARS = "envvars"
_SUFFIXES = (".yaml", ".yml", ".json")
_VBS_KEYS = {"vbs_endpoint_override", "vbs_type_full", "vbs_api", "vbs_requests_per_second", "vbs_follow"}
_AKSK_KEYS = {"ak", "sk", "project_id", "security_token"}
# The generic plugins ask auth_url for a version list and then send the password to an address found in it
# (API.md §10); the v3 plugins send it to auth_url only.
_V3_PLUGINS = {"password": "v3password", "token": "v3token"}
_OS_SETTINGS = {
    "OS_REGION_NAME": "region_name",
    "OS_ENDPOINT_TYPE": "interface",
    "OS_INTERFACE": "interface",
    "OS_AUTH_TYPE": "auth_type",
    "OS_CACERT": "cacert",
    "OS_VERIFY": "verify",
    "OS_VOLUME_ENDPOINT_OVERRIDE": "volume_endpoint_override",
    **{f"OS_{key.upper()}": key for key in _VBS_KEYS},
}


@dataclass(frozen=True)
class CloudConfig:
    """One way to sign in, one project, one region. `requests_per_second` 0 means no budget.

    `verify` is True, False or the path of a file of certificate authorities.
    """

    name: str
    region: str | None
    auth_type: str
    auth: Mapping[str, Any] = field(repr=False)
    interface: str = "public"
    verify: bool | str = True
    vbs_endpoint_override: str | None = None
    volume_endpoint_override: str | None = None
    type_full: str = "auto"
    api: str = "auto"
    requests_per_second: float = 5.0
    follow: str = "none"

    def fingerprint(self, key: bytes) -> str:
        """HMAC-SHA256 over the sign-in settings: changes with them and tells nothing of them."""
        settings = json.dumps([self.auth_type, dict(self.auth), self.verify], sort_keys=True, default=str)
        return hmac.new(key, settings.encode(), hashlib.sha256).hexdigest()


def load_clouds(
    environ: Mapping[str, str], *, cwd: Path, home: Path, only: Sequence[str] = ()
) -> dict[str, CloudConfig]:
    """Every configured cloud by name, or those in `only`; none at all is an empty dict."""
    entries: dict[str, tuple[str, Any]] = {}
    path = _config_file(environ, cwd, home)
    if path is not None:
        entries = {str(name): (f"{path}, cloud {name}", entry) for name, entry in _read_file(path).items()}
    if environ.get("OS_AUTH_URL") or environ.get("OS_AUTH_TYPE") == AKSK:
        entries[ENVVARS] = ("The OS_* variables", _from_environ(environ))
    for name in only:
        if name not in entries:
            there = ", ".join(sorted(entries)) or "no cloud at all"
            raise ConfigurationError(f"VBSDASH_CLOUDS names {name!r}, but there is {there}: correct the name.")
    wanted = only or entries
    return {name: _Entry(*entries[name]).config(name) for name in wanted}


def _config_file(environ: Mapping[str, str], cwd: Path, home: Path) -> Path | None:
    if given := environ.get("OS_CLIENT_CONFIG_FILE"):
        path = cwd / Path(given).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"OS_CLIENT_CONFIG_FILE names {path}, which is no file: correct the path.")
        return path
    folders = (cwd, home / ".config" / "openstack", Path("/etc/openstack"))
    return next((p for f in folders for s in _SUFFIXES if (p := f / f"clouds{s}").is_file()), None)


def _read_file(path: Path) -> dict[Any, Any]:
    clouds = _parse(path)
    secure = next((p for s in _SUFFIXES if (p := path.with_name(f"secure{s}")).is_file()), None)
    return _merge(clouds, _parse(secure)) if secure else clouds


def _parse(path: Path) -> dict[Any, Any]:
    """The mapping under `clouds:`. A YAML error keeps its place, not its text, which may hold a password."""
    try:
        whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError(f"{path} cannot be read: make it a readable UTF-8 file.") from e
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{path} is not valid YAML{place}: correct it there.") from None
    found = (whole or {}).get("clouds", {}) if isinstance(whole or {}, dict) else None
    if not isinstance(found or {}, dict):
        raise ConfigurationError(f"{path} has no mapping under the key clouds: write clouds: and each cloud below it.")
    return found or {}


def _merge(below: dict[Any, Any], above: dict[Any, Any]) -> dict[Any, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    given = {name: value for name, value in environ.items() if name.startswith("OS_") and value}
    entry: dict[str, Any] = {key: given[name] for name, key in _OS_SETTINGS.items() if name in given}
    if given.get("OS_INSECURE", "").lower() in {"1", "true", "yes", "on"}:
        entry["verify"] = False
    auth_type = entry.get("auth_type", "password")
    known = _AKSK_KEYS if auth_type == AKSK else _option_names(auth_type)
    entry["auth"] = {key: value for name, value in given.items() if (key := name[3:].lower()) in known}
    return entry


def _option_names(auth_type: str) -> dict[str, str]:
    """Every accepted key of `auth` and the plugin's own word for it; empty for an unknown type."""
    try:
        options = loading.get_plugin_loader(_V3_PLUGINS.get(auth_type, auth_type)).get_options()
    except ks_exceptions.NoMatchingPlugin:
        return {}
    names = {old.dest: option.dest for option in options for old in option.deprecated}
    names |= {option.dest: option.dest for option in options}
    if "project_id" in names:
        names |= {"tenant_id": "project_id", "tenant_name": "project_name"}  # as older tools call them
    return {**names, "default_domain_id": "", "default_domain_name": ""}


def load_plugin(auth_type: str, auth: Mapping[str, Any]) -> Any:
    """A keystoneauth1 identity plugin; ValueError says which key of `auth` is wrong."""
    names = _option_names(auth_type)
    if not names:
        raise ValueError(f"auth_type {auth_type!r} is unknown: write password, v3applicationcredential, token or aksk")
    if unknown := sorted(set(auth) - set(names)):
        raise ValueError(f"auth holds the unknown key {unknown[0]!r}: remove or correct it")
    options = {names[key]: value for key, value in auth.items() if names[key] and value is not None}
    for kind in ("id", "name"):
        if domain := auth.get(f"default_domain_{kind}"):
            for owner in ("user", "project"):
                if not options.keys() & {f"{owner}_domain_id", f"{owner}_domain_name"}:
                    options[f"{owner}_domain_{kind}"] = domain
    if "project_name" in options and not options.keys() & {"project_domain_id", "project_domain_name"}:
        for kind in ("id", "name"):  # a project lives in its user's domain unless told otherwise
            if domain := options.get(f"user_domain_{kind}"):
                options[f"project_domain_{kind}"] = domain
    url = str(options.get("auth_url", "")).rstrip("/")
    options["auth_url"] = url if re.search(r"/v3$", url) else f"{url}/v3"
    options = {key: value for key, value in options.items() if key in names.values()}
    try:
        return loading.get_plugin_loader(_V3_PLUGINS.get(auth_type, auth_type)).load_from_options(**options)
    except (ks_exceptions.AuthPluginException, TypeError) as e:
        raise ValueError(f"auth is not complete for auth_type {auth_type} ({' '.join(str(e).split())})") from e


@dataclass(frozen=True)
class _Entry:
    """One entry on its way to a CloudConfig; `place` begins every sentence."""

    place: str
    entry: Any

    def refuse(self, sentence: str) -> NoReturn:
        raise ConfigurationError(f"{self.place}: {sentence}.")

    def config(self, name: str) -> CloudConfig:
        if not isinstance(self.entry, dict):
            self.refuse("the entry is no mapping: write auth and region_name below the name")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
            self.refuse("a name has 1 to 64 letters, digits, _ . or -: rename it")
        self._refuse_keys()
        auth_type, auth = str(self.entry.get("auth_type") or "password"), self.entry.get("auth") or {}
        if not isinstance(auth, dict):
            self.refuse("auth is no mapping: write auth_url, username and so on below it")
        endpoint = self._url("vbs_endpoint_override")
        self._check_auth(auth_type, auth, endpoint)
        interface = str(self.entry.get("interface") or "public").removesuffix("URL")
        if interface not in {"public", "internal", "admin"}:
            self.refuse("interface is unknown: write public, internal or admin")
        region = self.entry.get("region_name")
        return CloudConfig(
            name=name,
            region=str(region) if region else None,
            auth_type=auth_type,
            auth=auth,
            interface=interface,
            verify=self._verify(),
            vbs_endpoint_override=endpoint,
            volume_endpoint_override=self._url("volume_endpoint_override"),
            type_full=self._choice("vbs_type_full", "auto", "0", "1"),
            api=self._choice("vbs_api", "auto", "vbs", "cinder"),
            requests_per_second=self._rate(),
            follow=self._choice("vbs_follow", "none", "disks", "all"),
        )

    def _refuse_keys(self) -> None:
        if "profile" in self.entry:
            self.refuse("profile is not supported: write the profile's auth_url and the other keys into the entry")
        if "regions" in self.entry:
            self.refuse("regions is not supported: write one entry with region_name for each region")
        unknown = sorted(k for k in map(str, self.entry) if k.startswith("vbs_") and k not in _VBS_KEYS)
        if unknown:
            self.refuse(f"the key {unknown[0]} is unknown: write one of {', '.join(sorted(_VBS_KEYS))}")

    def _check_auth(self, auth_type: str, auth: Mapping[str, Any], endpoint: str | None) -> None:
        if auth_type == AKSK:
            if missing := sorted({"ak", "sk", "project_id"} - {k for k, v in auth.items() if v}):
                self.refuse(f"auth lacks {missing[0]}: add it, or choose another auth_type")
            if unknown := sorted(set(auth) - _AKSK_KEYS):
                self.refuse(f"auth holds the unknown key {unknown[0]!r}: remove or correct it")
            if endpoint is None:
                self.refuse("auth_type aksk has no service catalog: add vbs_endpoint_override")
            return
        if not auth.get("auth_url"):
            self.refuse("auth lacks auth_url: add the address of the identity service")
        self._check_url("auth_url", str(auth["auth_url"]))
        if _V3_PLUGINS.get(auth_type, auth_type) == "v3password":
            if not auth.get("password"):
                self.refuse("auth lacks password: add it there or in secure.yaml")
            if not {"project_id", "project_name", "tenant_id", "tenant_name"} & auth.keys():
                self.refuse("auth lacks project_name or project_id: add one, a token must belong to a project")
        try:
            load_plugin(auth_type, auth)
        except ValueError as e:
            self.refuse(str(e).rstrip("."))

    def _url(self, key: str) -> str | None:
        value = self.entry.get(key)
        return self._check_url(key, str(value)) if value else None

    def _check_url(self, key: str, value: str) -> str:
        try:
            parts = urlsplit(value)
            good = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
        except ValueError:
            good = False
        if not good or parts.username or parts.query or parts.fragment or re.search(r"\s", value):
            self.refuse(f"{key} is no address: write https://host/path without a user, query or fragment")
        return value

    def _verify(self) -> bool | str:
        verify = self.entry.get("verify", True)
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        chosen = words.get(str(verify).lower())
        if chosen is None:
            self.refuse("verify is neither true nor false: write one of them, and a file under cacert")
        cacert = self.entry.get("cacert")
        if not chosen or not cacert:
            return chosen
        path = Path(str(cacert)).expanduser()
        return str(path) if path.exists() else self.refuse(f"cacert names {path}, which is not there: correct the path")

    def _choice(self, key: str, *choices: str) -> str:
        """One of the choices; the first is the default."""
        value = str(self.entry.get(key, choices[0])).lower()
        return value if value in choices else self.refuse(f"{key} is unknown: write {', '.join(choices)}")

    def _rate(self) -> float:
        value = self.entry.get("vbs_requests_per_second", 5)
        try:
            rate = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            rate = math.nan
        good = math.isfinite(rate) and rate >= 0
        return rate if good else self.refuse("vbs_requests_per_second is no rate: write 0 (none) or a positive number")
