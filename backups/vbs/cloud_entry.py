"""Turns one entry of clouds.yaml, or the `OS_*` variables, into a CloudConfig.

Each key that bears on us is obeyed, or refused in one sentence with place, key and cure; nothing is
dropped in silence. `known_keys.py` tells them from those of other services.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from backups.vbs import known_keys
from backups.vbs.auth import sign_in_class
from backups.vbs.auth_keys import AuthKeys
from backups.vbs.cloud_config import BlockStorage, CloudConfig
from backups.vbs.config_keys import ConfigKeys
from backups.vbs.dialects import AUTO, DIALECTS
from backups.vbs.known_keys import BLOCK_STORAGE, PLAIN_KEYS, REFUSED, VBS_KEYS, shown
from backups.vbs.tls_settings import TlsSettings

DEFAULT_RATE = 5  # Calls a second.
DEFAULT_AUTH_TYPE = "password"
_INTERFACES = ("public", "internal", "admin")
# What an api_version of the volume service means in the catalog.
_TYPES_OF_VERSION = {"2": ("volumev2",), "3": ("volumev3", "block-storage")}
_Value = TypeVar("_Value")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class EntryReader:
    """`raw` is what stands below the name. Relative paths begin at `cwd`; `environ` names
    authorities of certificates where the entry does not. `warnings` are about the rest of its file.
    """

    keys: ConfigKeys
    raw: object
    environ: Mapping[str, str]
    cwd: Path
    warnings: tuple[str, ...] = ()

    def config(self, name: str) -> CloudConfig:
        keys = self.keys
        if not _NAME.fullmatch(name):
            keys.refuse_unsupported(
                "a name has 1 to 64 letters, digits, _ . or -, and begins with a letter or digit: "
                "rename it"
            )
        if name in {*PLAIN_KEYS, *VBS_KEYS}:
            keys.refuse(
                f"{name} stands where the name of a cloud belongs: write a name above it, and "
                "indent what belongs to that cloud"
            )
        if not isinstance(self.raw, dict):
            keys.refuse("the entry is no mapping: write auth and region_name below the name")
        entry = normal_keys(self.raw, keys)
        _refuse_unsupported_keys(entry, keys)
        auth_type = self._auth_type(entry)
        settings = _Settings(entry, keys)
        region = settings.region("region_name")
        auth_keys = AuthKeys(entry, auth_type, keys, has_auth_type="auth_type" in entry)
        auth = auth_keys.checked(_inner_auth(entry, keys), region)
        endpoint = settings.url("vbs_endpoint_override")
        if "password" in auth_keys.accepted and not auth.get("password"):
            self._refuse_password_in_variable()
        sign_in_class(auth_type).check(auth_type, auth, keys, has_endpoint=endpoint is not None)
        tls = TlsSettings(entry, keys, self.environ, self.cwd)
        return CloudConfig(
            name=name,
            region=region,
            auth_type=auth_type,
            auth=auth,
            interfaces=settings.main_interfaces(),
            verify=tls.verify(),
            cert=tls.cert(),
            vbs_endpoint_override=endpoint,
            volume_endpoint_override=settings.volume_endpoint(),
            block_storage=settings.block_storage(),
            type_full=settings.choice("vbs_type_full", "auto", "0", "1"),
            api=settings.choice("vbs_api", AUTO, *DIALECTS),
            requests_per_second=settings.rate("vbs_requests_per_second"),
            follow=settings.choice("vbs_follow", "none", "disks", "all"),
            quota_backups=settings.limit("vbs_quota_backups"),
            quota_gigabytes=settings.limit("vbs_quota_gigabytes"),
            warnings=(
                *self.warnings,
                *self._about(entry, [*tls.warnings(), *auth_keys.warnings()], auth_keys.known),
            ),
        )

    def _auth_type(self, entry: Mapping[str, object]) -> str:
        if "auth_type" not in entry:
            return DEFAULT_AUTH_TYPE
        auth_type = self.keys.text("auth_type", entry["auth_type"])
        if auth_type is None:
            # Other tools would not sign in at all.
            name = self.keys.name("auth_type")
            self.keys.refuse(f"{name} has no value: write password, or remove the line")
        return auth_type

    def _refuse_password_in_variable(self) -> None:
        """Refuses OS_PASSWORD for an entry without a password: of other tools some take it."""
        if self.environ.get("OS_PASSWORD") and not self.keys.from_variables:
            advice = "here or in secure.yaml; OS_PASSWORD counts with OS_AUTH_URL alone"
            self.keys.refuse_missing("password", advice)

    def _about(
        self, entry: Mapping[str, object], sentences: list[str], sign_in_keys: Collection[str]
    ) -> list[str]:
        """Returns whole sentences: those that are given, and one for each key that has no effect.

        Variables that begin with OS_ may be anybody's: of those it names what looks misspelt.
        """
        for key, value in entry.items():
            sentence = known_keys.warning(
                key, value, sign_in_keys, self.keys.name, is_ours=not self.keys.from_variables
            )
            if sentence is not None:
                sentences.append(sentence)
        return [self.keys.whole(sentence) for sentence in sentences]


def normal_keys(raw: Mapping[object, object], keys: ConfigKeys) -> dict[str, object]:
    """Returns a mapping with _ for - in its keys, as other tools read them."""
    normal: dict[str, object] = {}
    for key, value in raw.items():
        if not isinstance(key, str):
            if key is not None and value is None:
                keys.refuse(known_keys.without_value(key))
            keys.refuse(
                f"a key is no text to YAML, which reads it as {shown(key)}: put it in quotes"
            )
        name = key.replace("-", "_")
        if name in normal:
            keys.refuse(f"{shown(key)} stands there twice, with - and with _: remove one of them")
        normal[name] = value
    return normal


def _inner_auth(entry: Mapping[str, object], keys: ConfigKeys) -> dict[str, object]:
    if "auth" not in entry:
        for key, value in entry.items():
            if isinstance(value, dict) and known_keys.meant(key, ["auth"]):
                keys.refuse(f"{shown(key)} looks like auth: correct it")
    inner = entry.get("auth") or {}
    if not isinstance(inner, dict):
        keys.refuse("auth is no mapping: write auth_url, username and so on below it")
    return normal_keys(inner, keys)


def _refuse_unsupported_keys(entry: Mapping[str, object], keys: ConfigKeys) -> None:
    for key in sorted(entry):
        if key in REFUSED and not keys.from_variables:
            keys.refuse_unsupported(f"{key} {REFUSED[key]}")
        if key.startswith("vbs_") and key not in VBS_KEYS:
            keys.refuse(
                f"the key {shown(keys.name(key))} is unknown: write one of "
                f"{', '.join(keys.name(known) for known in sorted(VBS_KEYS))}"
            )
    version = entry.get("identity_api_version")
    if version not in (None, "") and not re.fullmatch(r"3(\.[0-9]+)?", str(version)):
        name = keys.name("identity_api_version")
        keys.refuse_unsupported(
            f"{name} is not 3, the only one that is spoken here: write 3, or remove it"
        )


@dataclass(frozen=True)
class _Settings:
    """Reads single settings of an entry."""

    entry: Mapping[str, object]
    keys: ConfigKeys

    def url(self, key: str) -> str | None:
        value = self.text(key)
        if value is None:
            return None
        # Other tools fill it in; the catalog's way of writing it means the same.
        value = re.sub(r"%\(((?:project|tenant)_id)\)s", r"$(\1)s", value)
        value = self.keys.filled_url(key, value, self.region("region_name"))
        self.keys.check_url(key, value)
        return value

    def region(self, key: str) -> str | None:
        value = self.entry.get(key)
        name = self.keys.name(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, list):
            self.keys.refuse_unsupported(
                f"{name} is a list: an entry is one region, write one entry for each of them"
            )
        region = self.keys.text(key, value)
        if region is not None and "," in region:
            self.keys.refuse_unsupported(
                f"{name} names several regions: an entry is one region, write one entry for each"
            )
        return region

    def main_interfaces(self) -> tuple[str, ...]:
        for key in ("interface", "endpoint_type"):
            if key in self.entry and not self.entry[key]:
                # Other tools would take any that the catalog has.
                self.keys.refuse(
                    f"{self.keys.name(key)} has no value: write public, or remove the line"
                )
        return self.interfaces("interface", "endpoint_type") or ("public",)

    def interfaces(self, *names: str) -> tuple[str, ...] | None:
        """Returns the interfaces in the order in which they are looked for; None where none of the
        keys is there.
        """
        return self._agreed(names, self._interfaces_of)

    def _interfaces_of(self, key: str) -> tuple[str, ...] | None:
        value = self.entry.get(key)
        if value is None or value == "" or value == []:
            return None
        interfaces: list[str] = []
        for item in value if isinstance(value, list) else [value]:
            interface = (self.keys.text(key, item) or "").removesuffix("URL")
            if interface not in _INTERFACES:
                self.keys.refuse(
                    f"{self.keys.name(key)} is unknown: write {', '.join(_INTERFACES)}, or a list "
                    "of them"
                )
            interfaces.append(interface)
        return tuple(interfaces)

    def _agreed(self, names: Iterable[str], read: Callable[[str], _Value | None]) -> _Value | None:
        """Returns the value of keys that mean the same, None where none of them is there. Refuses
        two that say different things.
        """
        agreed: _Value | None = None
        agreed_key = ""
        for key in names:
            value = read(key)
            if value is None:
                continue
            if agreed is None:
                agreed = value
                agreed_key = key
            elif value != agreed:
                pair = f"{self.keys.name(agreed_key)} and {self.keys.name(key)}"
                self.keys.refuse(f"{pair} say different things: remove one of them")
        return agreed

    def volume_endpoint(self) -> str | None:
        """Returns where volumes are listed, by whichever name of the service it is given."""
        return self._agreed(_service_keys("endpoint_override", "endpoint"), self.url)

    def block_storage(self) -> BlockStorage:
        """Returns what the entry says of OpenStack's volume service, backups of Cinder included.

        volume_endpoint_override is where volumes are listed and nothing more.
        """
        endpoint_keys = _service_keys("endpoint_override", "endpoint")
        of_service = [key for key in endpoint_keys if not key.startswith("volume_")]
        service_type = self._agreed(_service_keys("service_type"), self.text)
        version = self._agreed(_service_keys("api_version"), self._version)
        types: tuple[str, ...] | None = None
        if service_type is not None:
            types = (service_type,)
        elif version is not None:
            types = _TYPES_OF_VERSION[version]
        return BlockStorage(
            endpoint_override=self._agreed(of_service, self.url),
            interfaces=self.interfaces(*_service_keys("interface", "endpoint_type")),
            region=self._agreed(_service_keys("region_name"), self.region),
            types=types,
        )

    def text(self, key: str) -> str | None:
        return self.keys.text(key, self.entry.get(key))

    def _version(self, key: str) -> str | None:
        value = self.entry.get(key)
        if value is None or value == "":
            return None
        match = re.fullmatch(r"v?([23])(\.0)?", str(value))
        if match is None or isinstance(value, bool):
            self.keys.refuse(
                f"{self.keys.name(key)} is not understood: write 3 or 2; vbsdash chooses the "
                "microversion"
            )
        return match[1]

    def choice(self, key: str, *choices: str) -> str:
        """Returns one of the choices; the first is the default."""
        value = str(self.entry.get(key, choices[0])).lower()
        if value not in choices:
            self.keys.refuse(f"{self.keys.name(key)} is unknown: write {', '.join(choices)}")
        return value

    def limit(self, key: str) -> int | None:
        value = self.entry.get(key)
        if value is None or value == "":
            return None
        is_number = isinstance(value, int) and not isinstance(value, bool)
        is_number = is_number or self.keys.from_variables
        if not is_number or not re.fullmatch("[0-9]{1,18}", str(value)):
            self.keys.refuse(f"{self.keys.name(key)} is no quota: write a whole number")
        return int(str(value))

    def rate(self, key: str) -> float:
        """Returns calls per second; 0 for no limit."""
        rate = _number(self.entry.get(key, DEFAULT_RATE))
        if not math.isfinite(rate) or rate < 0:
            self.keys.refuse(f"{self.keys.name(key)} is no rate: write 0 (none) or more")
        return rate


def _service_keys(*suffixes: str) -> list[str]:
    """Returns the keys of the volume service, under each of its names."""
    return [f"{service}_{suffix}" for suffix in suffixes for service in BLOCK_STORAGE]


def _number(value: object) -> float:
    """Returns a number, or the text of one; NaN for anything else, true and false included."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan
