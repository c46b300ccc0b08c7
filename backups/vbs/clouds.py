"""The clouds of `clouds.yaml` and of the `OS_*` variables, checked, as plain values.

A mistake is a ConfigurationError: one sentence that names file, cloud, key and
cure, never a secret.
"""

import math
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from backups.vbs.auth import sign_in_class
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.config_keys import VARIABLES, VBS_KEYS, ConfigKeys
from backups.vbs.errors import ConfigurationError
from backups.vbs.ids import why_no_id

ENVVARS = "envvars"  # The cloud that the OS_* variables make.
DEFAULT_RATE = 5  # Calls a second.
_SUFFIXES = (".yaml", ".yml", ".json")
# Whoever has set one of these means to sign in by variables; a missing OS_AUTH_URL is then a
# mistake.
_SIGN_IN_VARIABLES = (
    "OS_AUTH_URL",
    "OS_AUTH_TYPE",
    "OS_USERNAME",
    "OS_PASSWORD",
    "OS_TOKEN",
    "OS_AK",
    "OS_SK",
    "OS_APPLICATION_CREDENTIAL_ID",
    "OS_APPLICATION_CREDENTIAL_SECRET",
)
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def load_clouds(
    environ: Mapping[str, str], *, cwd: Path, home: Path, only: Sequence[str] = ()
) -> dict[str, CloudConfig]:
    """Returns every configured cloud by name, or those in `only`; none at all is an empty dict."""
    readers: dict[str, _EntryReader] = {}
    path = _config_file(environ, cwd, home)
    if path is not None:
        for name, entry in _read_file(path).items():
            readers[str(name)] = _EntryReader(ConfigKeys(f"{path}, cloud {name}"), entry)
    if any(environ.get(name) for name in _SIGN_IN_VARIABLES):
        keys = ConfigKeys("The OS_* variables", from_variables=True)
        readers[ENVVARS] = _EntryReader(keys, _from_environ(environ))
    for name in only:
        if name not in readers:
            choices = ", ".join(sorted(readers)) or "no cloud at all"
            raise ConfigurationError(
                f"VBSDASH_CLOUDS names {name!r}, but there is {choices}: correct the name."
            )
    return {name: readers[name].config(name) for name in only or readers}


def _config_file(environ: Mapping[str, str], cwd: Path, home: Path) -> Path | None:
    setting = environ.get("OS_CLIENT_CONFIG_FILE")
    if setting:
        path = cwd / _expanded(setting)
        if not path.is_file():
            raise ConfigurationError(
                f"OS_CLIENT_CONFIG_FILE names {path}, which is no file: correct the path."
            )
        return path
    for folder in (cwd, home / ".config" / "openstack", Path("/etc/openstack")):
        file = _first_file(folder / "clouds")
        if file is not None:
            return file
    return None


def _first_file(stem: Path) -> Path | None:
    """Returns the first file of this name, whichever of the suffixes it has."""
    for suffix in _SUFFIXES:
        file = stem.with_name(stem.name + suffix)
        if file.is_file():
            return file
    return None


def _expanded(path: str) -> Path:
    """Replaces `~`; a user that does not exist leaves it as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _read_file(path: Path) -> dict[object, object]:
    clouds = _parse(path)
    secure = _first_file(path.with_name("secure"))
    if secure is None:
        return clouds
    return _merged(clouds, _parse(secure))


def _parse(path: Path) -> dict[object, object]:
    """Returns the mapping under `clouds:`. A YAML error keeps its place, not its text, which may
    hold a password.
    """
    try:
        content: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError(f"{path} cannot be read: make it a readable UTF-8 file.") from e
    # ValueError: 2026-13-45 is taken for a date.
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        mark = getattr(e, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{path} is not valid YAML{place}: correct it there.") from None
    if content is None or content == {}:  # An empty file has no clouds, which is no mistake.
        return {}
    if isinstance(content, dict) and "clouds" in content:
        clouds: object = content["clouds"] or {}
        if isinstance(clouds, dict):
            return clouds
    raise ConfigurationError(
        f"{path} has no mapping under the key clouds: write clouds: and each cloud below it."
    )


def _merged(below: dict[object, object], above: dict[object, object]) -> dict[object, object]:
    """Returns `below` with the values of `above`, mapping by mapping."""
    merged = dict(below)
    for key, value in above.items():
        covered = merged.get(key)
        if isinstance(value, dict) and isinstance(covered, dict):
            merged[key] = _merged(covered, value)
        else:
            merged[key] = value
    return merged


def _from_environ(environ: Mapping[str, str]) -> dict[str, object]:
    """Returns the entry that the variables stand for; an empty one is not set."""
    variables = {name: value for name, value in environ.items() if name.startswith("OS_") and value}
    entry: dict[str, object] = {}
    for name, key in VARIABLES.items():
        if name in variables:
            entry[key] = variables[name]
    if variables.get("OS_INSECURE", "").lower() in {"1", "true", "yes", "on"}:
        entry["verify"] = False
    auth_type = variables.get("OS_AUTH_TYPE", "password")
    accepted = sign_in_class(auth_type).accepted_keys(auth_type)
    auth: dict[str, str] = {}
    for name, value in variables.items():
        key = name.removeprefix("OS_").lower()
        if key in accepted:
            auth[key] = value
    entry["auth"] = auth
    return entry


@dataclass(frozen=True)
class _EntryReader:
    """Turns one entry into a CloudConfig."""

    keys: ConfigKeys
    entry: object

    def config(self, name: str) -> CloudConfig:
        entry = self.entry
        keys = self.keys
        if not isinstance(entry, dict):
            keys.refuse("the entry is no mapping: write auth and region_name below the name")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
            keys.refuse("a name has 1 to 64 letters, digits, _ . or -: rename it")
        _refuse_unsupported_keys(entry, keys)
        settings = _Settings(entry, keys)
        auth_type = str(entry.get("auth_type") or "password")
        raw_auth = _raw_auth(entry, auth_type, keys)
        endpoint = settings.url("vbs_endpoint_override")
        auth = _checked_auth(raw_auth, keys)
        sign_in_class(auth_type).check(auth_type, auth, keys, has_endpoint=endpoint is not None)
        interface = str(entry.get("interface") or "public").removesuffix("URL")
        if interface not in {"public", "internal", "admin"}:
            keys.refuse(f"{keys.name('interface')} is unknown: write public, internal or admin")
        region = entry.get("region_name")
        return CloudConfig(
            name=name,
            region=str(region) if region else None,
            auth_type=auth_type,
            auth=auth,
            interface=interface,
            verify=settings.verify(),
            vbs_endpoint_override=endpoint,
            volume_endpoint_override=settings.url("volume_endpoint_override"),
            type_full=settings.choice("vbs_type_full", "auto", "0", "1"),
            api=settings.choice("vbs_api", "auto", "vbs", "cinder"),
            requests_per_second=settings.rate("vbs_requests_per_second"),
            follow=settings.choice("vbs_follow", "none", "disks", "all"),
            quota_backups=settings.limit("vbs_quota_backups"),
            quota_gigabytes=settings.limit("vbs_quota_gigabytes"),
        )


def _refuse_unsupported_keys(entry: Mapping[object, object], keys: ConfigKeys) -> None:
    if "profile" in entry:
        keys.refuse(
            "profile is not supported: write the profile's auth_url and the other keys into the "
            "entry"
        )
    if "regions" in entry:
        keys.refuse("regions is not supported: write one entry with region_name for each region")
    for key in sorted(map(str, entry)):
        if key.startswith("vbs_") and key not in VBS_KEYS:
            keys.refuse(f"the key {key} is unknown: write one of {', '.join(sorted(VBS_KEYS))}")


def _raw_auth(
    entry: Mapping[object, object], auth_type: str, keys: ConfigKeys
) -> dict[object, object]:
    """Returns `auth`, with those of its keys that stand beside it, as some write it."""
    inner = entry.get("auth") or {}
    if not isinstance(inner, dict):
        keys.refuse("auth is no mapping: write auth_url, username and so on below it")
    auth: dict[object, object] = {}
    for key in sign_in_class(auth_type).accepted_keys(auth_type):
        if key in entry:
            auth[key] = entry[key]
    return auth | inner


def _checked_auth(raw_auth: Mapping[object, object], keys: ConfigKeys) -> dict[str, str | None]:
    auth: dict[str, str | None] = {}
    for key, value in raw_auth.items():
        if not isinstance(value, str | None):
            name = keys.name(str(key), in_auth=True)
            keys.refuse(f"{name} is no text: put the value in quotes")
        auth[str(key)] = value
    for key in ("project_id", "tenant_id"):
        project_id = auth.get(key)
        why = why_no_id(project_id) if project_id else None
        if why is not None:
            keys.refuse(f"{keys.name(key, in_auth=True)} is no ID of a project: {why}")
    return auth


@dataclass(frozen=True)
class _Settings:
    """Reads single settings of an entry."""

    entry: Mapping[object, object]
    keys: ConfigKeys

    def url(self, key: str) -> str | None:
        value = self.entry.get(key)
        if not value:
            return None
        self.keys.check_url(key, str(value))
        return str(value)

    def verify(self) -> bool | str:
        verify = _BOOLEANS.get(str(self.entry.get("verify", True)).lower())
        if verify is None:
            self.keys.refuse(
                f"{self.keys.name('verify')} is neither true nor false: write one of them, and a "
                "file under cacert"
            )
        cacert = self.entry.get("cacert")
        if not verify or not cacert:
            return verify
        path = _expanded(str(cacert))
        if not path.exists():
            self.keys.refuse(
                f"{self.keys.name('cacert')} names {path}, which is not there: correct the path"
            )
        try:
            if path.is_dir():
                ssl.create_default_context(capath=path)
            else:
                ssl.create_default_context(cafile=path if path.is_file() else None)
        except (ssl.SSLError, OSError):
            self.keys.refuse(
                f"{self.keys.name('cacert')} names {path}, which holds no certificate: name a PEM "
                "file"
            )
        return str(path)

    def choice(self, key: str, *choices: str) -> str:
        """Returns one of the choices; the first is the default."""
        value = str(self.entry.get(key, choices[0])).lower()
        if value not in choices:
            self.keys.refuse(f"{self.keys.name(key)} is unknown: write {', '.join(choices)}")
        return value

    def limit(self, key: str) -> int | None:
        value = self.entry.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.keys.refuse(f"{self.keys.name(key)} is no quota: write a whole number")
        return value

    def rate(self, key: str) -> float:
        """Returns calls per second; 0 for no limit."""
        rate = _number(self.entry.get(key, DEFAULT_RATE))
        if not math.isfinite(rate) or rate < 0:
            self.keys.refuse(f"{self.keys.name(key)} is no rate: write 0 (none) or more")
        return rate


def _number(value: object) -> float:
    """Returns a number, or the text of one; NaN for anything else, true and false included."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan
