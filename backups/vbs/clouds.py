"""The clouds of `clouds.yaml` and of the `OS_*` variables, checked, as plain values.

A mistake is a ConfigurationError: one sentence that names file, cloud, key and cure, never a
secret.
"""

import hashlib
import hmac
import json
import math
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import yaml

from backups.vbs.errors import ConfigurationError
from backups.vbs.ids import why_no_id
from backups.vbs.plugin import load_plugin, option_names, plugin_name

AKSK = "aksk"
ENVVARS = "envvars"
_SUFFIXES = (".yaml", ".yml", ".json")
_VBS_KEYS = {
    "vbs_endpoint_override",
    "vbs_type_full",
    "vbs_api",
    "vbs_requests_per_second",
    "vbs_follow",
}
_VBS_KEYS |= {"vbs_quota_backups", "vbs_quota_gigabytes"}
_AKSK_KEYS = {"ak", "sk", "project_id", "security_token"}
# Whoever has set one of these means to sign in by variables; a missing OS_AUTH_URL is then a
# mistake.
_OS_SIGN_IN = (
    *("OS_AUTH_URL", "OS_AUTH_TYPE", "OS_USERNAME", "OS_PASSWORD", "OS_TOKEN", "OS_AK", "OS_SK"),
    *("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_SECRET"),
)
_OS_SETTINGS = {
    "OS_REGION_NAME": "region_name",
    "OS_INTERFACE": "interface",
    "OS_ENDPOINT_TYPE": "interface",
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
    quota_backups: int | None = None
    quota_gigabytes: int | None = None

    @property
    def place(self) -> str | None:
        """What two entries of one project have in common before anybody has signed in; None when
        nothing tells.
        """
        auth = self.auth
        by_id = auth.get("project_id") or auth.get("tenant_id")
        domain = auth.get("project_domain_id") or auth.get("project_domain_name")
        by_name = auth.get("project_name") or auth.get("tenant_name")
        project = by_id or (by_name and f"{by_name}@{domain}")
        address = self.vbs_endpoint_override or auth.get("auth_url")
        return (
            f"{str(address).rstrip('/')} {self.region} {project}" if project and address else None
        )

    def fingerprint(self, key: bytes) -> str:
        """HMAC-SHA256 over the sign-in settings: changes with them and tells nothing of them."""
        settings = json.dumps(
            [self.auth_type, dict(self.auth), self.verify], sort_keys=True, default=str
        )
        return hmac.new(key, settings.encode(), hashlib.sha256).hexdigest()


def load_clouds(
    environ: Mapping[str, str], *, cwd: Path, home: Path, only: Sequence[str] = ()
) -> dict[str, CloudConfig]:
    """Every configured cloud by name, or those in `only`; none at all is an empty dict."""
    entries: dict[str, tuple[str, Any]] = {}
    path = _config_file(environ, cwd, home)
    if path is not None:
        entries = {
            str(name): (f"{path}, cloud {name}", entry) for name, entry in _read_file(path).items()
        }
    if any(environ.get(name) for name in _OS_SIGN_IN):
        entries[ENVVARS] = ("The OS_* variables", _from_environ(environ))
    for name in only:
        if name not in entries:
            there = ", ".join(sorted(entries)) or "no cloud at all"
            raise ConfigurationError(
                f"VBSDASH_CLOUDS names {name!r}, but there is {there}: correct the name."
            )
    wanted = only or entries
    return {name: _Entry(*entries[name], variables=name == ENVVARS).config(name) for name in wanted}


def _config_file(environ: Mapping[str, str], cwd: Path, home: Path) -> Path | None:
    if given := environ.get("OS_CLIENT_CONFIG_FILE"):
        path = cwd / _expanded(given)
        if not path.is_file():
            raise ConfigurationError(
                f"OS_CLIENT_CONFIG_FILE names {path}, which is no file: correct the path."
            )
        return path
    folders = (cwd, home / ".config" / "openstack", Path("/etc/openstack"))
    return next((p for f in folders for s in _SUFFIXES if (p := f / f"clouds{s}").is_file()), None)


def _expanded(given: str) -> Path:
    """With `~` replaced; a user that does not exist leaves it as it is."""
    try:
        return Path(given).expanduser()
    except RuntimeError:
        return Path(given)


def _read_file(path: Path) -> dict[Any, Any]:
    clouds = _parse(path)
    secure = next((p for s in _SUFFIXES if (p := path.with_name(f"secure{s}")).is_file()), None)
    return _merge(clouds, _parse(secure)) if secure else clouds


def _parse(path: Path) -> dict[Any, Any]:
    """The mapping under `clouds:`. A YAML error keeps its place, not its text, which may hold a
    password.
    """
    try:
        whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError(f"{path} cannot be read: make it a readable UTF-8 file.") from e
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as e:  # ValueError: 2026-13-45 is taken for a date
        mark = getattr(e, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{path} is not valid YAML{place}: correct it there.") from None
    whole = whole if whole not in (None, {}) else {"clouds": None}
    found = (whole["clouds"] or {}) if isinstance(whole, dict) and "clouds" in whole else None
    if not isinstance(found, dict):
        raise ConfigurationError(
            f"{path} has no mapping under the key clouds: write clouds: and each cloud below it."
        )
    return found


def _merge(below: dict[Any, Any], above: dict[Any, Any]) -> dict[Any, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    given = {name: value for name, value in environ.items() if name.startswith("OS_") and value}
    entry: dict[str, Any] = {
        key: given[name] for name, key in _OS_SETTINGS.items() if name in given
    }
    if given.get("OS_INSECURE", "").lower() in {"1", "true", "yes", "on"}:
        entry["verify"] = False
    auth_type = entry.get("auth_type", "password")
    known = _AKSK_KEYS if auth_type == AKSK else option_names(auth_type)
    entry["auth"] = {
        key: value for name, value in given.items() if (key := name[3:].lower()) in known
    }
    return entry


@dataclass(frozen=True)
class _Entry:
    """One entry on its way to a CloudConfig; `place` begins every sentence."""

    place: str
    entry: Any
    variables: bool = False  # from OS_* variables

    def key(self, key: str, *, auth: bool = False) -> str:
        """The key as the operator wrote it."""
        if not self.variables:
            return f"{key} in auth" if auth else key
        return next((name for name, own in _OS_SETTINGS.items() if own == key), f"OS_{key.upper()}")

    def refuse(self, sentence: str) -> NoReturn:
        raise ConfigurationError(f"{self.place}: {sentence}.")

    def config(self, name: str) -> CloudConfig:
        if not isinstance(self.entry, dict):
            self.refuse("the entry is no mapping: write auth and region_name below the name")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
            self.refuse("a name has 1 to 64 letters, digits, _ . or -: rename it")
        self._refuse_keys()
        auth_type, auth = (
            str(self.entry.get("auth_type") or "password"),
            self.entry.get("auth") or {},
        )
        if not isinstance(auth, dict):
            self.refuse("auth is no mapping: write auth_url, username and so on below it")
        own = _AKSK_KEYS if auth_type == AKSK else option_names(auth_type)
        auth = {
            **{key: self.entry[key] for key in own if key in self.entry},
            **auth,
        }  # beside auth, as some write it
        endpoint = self._url("vbs_endpoint_override")
        self._check_auth(auth_type, auth, endpoint)
        interface = str(self.entry.get("interface") or "public").removesuffix("URL")
        if interface not in {"public", "internal", "admin"}:
            self.refuse(f"{self.key('interface')} is unknown: write public, internal or admin")
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
            quota_backups=self._limit("vbs_quota_backups"),
            quota_gigabytes=self._limit("vbs_quota_gigabytes"),
        )

    def _refuse_keys(self) -> None:
        if "profile" in self.entry:
            self.refuse(
                "profile is not supported: write the profile's auth_url and the other keys into "
                "the entry"
            )
        if "regions" in self.entry:
            self.refuse(
                "regions is not supported: write one entry with region_name for each region"
            )
        unknown = sorted(
            k for k in map(str, self.entry) if k.startswith("vbs_") and k not in _VBS_KEYS
        )
        if unknown:
            self.refuse(
                f"the key {unknown[0]} is unknown: write one of {', '.join(sorted(_VBS_KEYS))}"
            )

    def _check_auth(self, auth_type: str, auth: Mapping[str, Any], endpoint: str | None) -> None:
        if odd := [key for key, value in auth.items() if not isinstance(value, str | None)]:
            self.refuse(f"{self.key(str(odd[0]), auth=True)} is no text: put the value in quotes")
        for key in ("project_id", "tenant_id"):
            if auth.get(key) and (why := why_no_id(str(auth[key]))):
                self.refuse(f"{self.key(key, auth=True)} is no ID of a project: {why}")
        if auth_type == AKSK:
            if missing := sorted({"ak", "sk", "project_id"} - {k for k, v in auth.items() if v}):
                self._missing(missing[0], "or choose another auth_type")
            if unknown := sorted(set(auth) - _AKSK_KEYS):
                self.refuse(f"auth holds the unknown key {unknown[0]!r}: remove or correct it")
            if endpoint is None:
                self.refuse(
                    "auth_type aksk has no service catalog: set "
                    f"{self.key('vbs_endpoint_override')}"
                )
            return
        if not option_names(auth_type):
            known = "password, v3applicationcredential, token or aksk"
            self.refuse(f"{self.key('auth_type')} {auth_type!r} is unknown: write {known}")
        if not auth.get("auth_url"):
            self._missing("auth_url", "it is the address of the identity service")
        self._check_url("auth_url", str(auth["auth_url"]))
        if plugin_name(auth_type) == "v3password":
            if not auth.get("password"):
                self._missing("password", "" if self.variables else "here or in secure.yaml")
            if not {"project_id", "project_name", "tenant_id", "tenant_name"} & auth.keys():
                self._missing(
                    "project_name", f"or {self.key('project_id')}: a token must belong to a project"
                )
        try:
            load_plugin(auth_type, auth)
        except ValueError as e:
            self.refuse(str(e).rstrip("."))

    def _missing(self, key: str, advice: str) -> NoReturn:
        self.refuse(f"{self.key(key, auth=True)} is missing: set it{advice and ', '}{advice}")

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
            self.refuse(
                f"{self.key(key)} is no address: write https://host/path without a user, query or "
                "fragment"
            )
        return value

    def _verify(self) -> bool | str:
        verify = self.entry.get("verify", True)
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        chosen = words.get(str(verify).lower())
        if chosen is None:
            self.refuse(
                f"{self.key('verify')} is neither true nor false: write one of them, and a file "
                "under cacert"
            )
        cacert = self.entry.get("cacert")
        if not chosen or not cacert:
            return chosen
        path = _expanded(str(cacert))
        if not path.exists():
            self.refuse(f"{self.key('cacert')} names {path}, which is not there: correct the path")
        try:
            ssl.create_default_context(
                cafile=path if path.is_file() else None, capath=path if path.is_dir() else None
            )
        except (ssl.SSLError, OSError):
            self.refuse(
                f"{self.key('cacert')} names {path}, which holds no certificate: name a PEM file"
            )
        return str(path)

    def _choice(self, key: str, *choices: str) -> str:
        """One of the choices; the first is the default."""
        value = str(self.entry.get(key, choices[0])).lower()
        return (
            value
            if value in choices
            else self.refuse(f"{self.key(key)} is unknown: write {', '.join(choices)}")
        )

    def _limit(self, key: str) -> int | None:
        value: int | None = self.entry.get(key)
        if value is not None and (
            not isinstance(value, int) or isinstance(value, bool) or value < 0
        ):
            self.refuse(f"{self.key(key)} is no quota: write a whole number")
        return value

    def _rate(self) -> float:
        value = self.entry.get("vbs_requests_per_second", 5)
        try:
            rate = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            rate = math.nan
        good = math.isfinite(rate) and rate >= 0
        return (
            rate
            if good
            else self.refuse(
                f"{self.key('vbs_requests_per_second')} is no rate: write 0 (none) or more"
            )
        )
