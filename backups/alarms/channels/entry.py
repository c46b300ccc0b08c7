"""An entry of channels.yaml, key by key. What is wrong with one ends the start with a sentence that
names file, channel, key and cure, and never a secret.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from backups.alarms.channels.far_side import FarSide
from backups.alarms.digest_time import DigestTime, WrongDigestTime
from backups.analysis import zones
from backups.vbs import secret_file
from backups.vbs.clouds_file import expanded
from backups.vbs.config_keys import ConfigKeys
from backups.vbs.errors import ConfigurationError
from backups.vbs.known_keys import near, shown
from backups.vbs.proxies import read_proxies
from backups.vbs.quoted import quoted
from backups.vbs.tls_settings import TlsSettings
from backups.vbs.url_parts import HIGHEST_PORT, WrongUrl, take_apart

COMMON_KEYS: Final = ("kind", "filter", "severities", "digest", "only_if_unacked_for", "zone")
SEVERITIES: Final = ("critical", "warning")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile("([1-9][0-9]{0,5}) ?([smhd])")


@dataclass(frozen=True)
class Entry:
    """Reads the keys of one entry. Relative paths begin at `folder`; `env` are the settings."""

    name: str
    keys: ConfigKeys
    values: Mapping[object, object]
    folder: Path
    env: Mapping[str, str]

    def refuse_unknown(self, known: Collection[str]) -> None:
        for key in self.values:
            if key not in known:
                meant = near(str(key), known)
                cure = f"is {meant} meant?" if meant else f"write {', '.join(known)}"
                self.keys.refuse(f"the key {shown(key)} is not known: {cure}")

    def text(self, key: str, *, example: str = "") -> str:
        """Returns a text; "" where there is none, unless there has to be one as in `example`."""
        text = self.keys.text(key, self.values.get(key))
        if text is None and example:
            self.keys.refuse(f"{key} is missing: write {key}: {example}")
        return text or ""

    def secret(self, key: str, *, example: str = "") -> str:
        """Returns a secret, which may stand in the file that `KEY_file` names."""
        in_file = f"{key}_file"
        text = self.keys.text(key, self.values.get(key))
        file = self.keys.text(in_file, self.values.get(in_file))
        if text is not None and file is not None:
            self.keys.refuse(f"{key} and {in_file} are both there: remove one of them")
        if file is not None:
            place = f"{self.keys.place}: {in_file}"
            text = secret_file.read(place, self.folder / expanded(file))
        if text is None and example:
            self.keys.refuse(
                f"{key} is missing: write {key}: {example}, or {in_file}: and the path of a file "
                "that holds it"
            )
        return text or ""

    def texts(self, key: str, *, example: str) -> tuple[str, ...]:
        """Returns the texts of a list, of which there has to be one; a single one needs no list."""
        value = self.values.get(key)
        listed = value if isinstance(value, list) else [value]
        texts = tuple(self.keys.text(key, item) or "" for item in listed)
        if not texts or not all(texts):
            self.keys.refuse(f"{key} is missing: write {key}: {example}")
        return texts

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        text = self.text(key) or default
        if text not in choices:
            self.keys.refuse(f"{key} is {quoted(text)}: write one of {', '.join(choices)}")
        return text

    def port(self, key: str, default: int) -> int:
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= HIGHEST_PORT:
            self.keys.refuse(f"{key} is no port: write a number from 1 to {HIGHEST_PORT}")
        return value

    def span(self, key: str, *, least: timedelta, most: timedelta) -> timedelta | None:
        """Returns a span as 30m or 2h; None where there is none."""
        text = str(self.values[key]) if self.values.get(key) is not None else ""
        if not text:
            return None
        match = _SPAN.fullmatch(text)
        span = timedelta(seconds=int(match[1]) * _SECONDS[match[2]]) if match else timedelta(0)
        if not least <= span <= most:
            self.keys.refuse(
                f"{key} is {quoted(text)}: write a span from {_written(least)} to {_written(most)},"
                " as 30m or 2h"
            )
        return span

    def far_side(self, key: str = "url") -> FarSide:
        """Returns an address of HTTP and the way there. It may be a secret: it is never quoted."""
        example = "https://HOST/PATH"
        text = self.secret(key, example=example)
        address, _, query = text.partition("?")
        try:
            take_apart(address, schemes=("https", "http"), example=example)
        except WrongUrl as e:
            self.keys.refuse(f"{key} {e}")
        # What it says is up to the far side.
        if not query.isprintable() or " " in query or "#" in query:
            self.keys.refuse(
                f"{key} holds a blank, a # or an invisible character behind its question mark: "
                "take it out, or write a blank as %20 and a # as %23"
            )
        proxies = read_proxies(self.env)
        proxies.check([text])
        return FarSide(text, proxies, self.verify())

    def verify(self) -> bool | str:
        """Returns the authorities of certificates, as in CloudConfig: those of the environment, or
        the public ones.
        """
        return TlsSettings({}, self.keys, self.env, self.folder).verify()

    def zone(self) -> ZoneInfo:
        name = self.text("zone") or "UTC"
        zone = zones.zone_named(name)
        if zone is None:
            cure = zones.cure(name)
            self.keys.refuse(f"zone is {quoted(name)}: {cure[0].lower()}{cure[1:]}")
        return zone

    def common(self) -> dict[str, Any]:
        """Returns what every channel has, by the names of its fields."""
        zone = self.zone()
        return {
            "name": self.name,
            "query": self.text("filter").removeprefix("?"),
            "severities": self._severities(),
            "digest": self._digest(zone),
            "only_if_unacked_for": self.span(
                "only_if_unacked_for", least=timedelta(minutes=1), most=timedelta(days=7)
            ),
            "zone": zone,
        }

    def _severities(self) -> frozenset[str]:
        if self.values.get("severities") is None:
            return frozenset(SEVERITIES)
        severities = frozenset(self.texts("severities", example="[critical, warning]"))
        if not severities <= frozenset(SEVERITIES):
            self.keys.refuse("severities holds another word: write critical, warning, or both")
        return severities

    def _digest(self, zone: ZoneInfo) -> DigestTime | None:
        text = self.text("digest")
        if not text:
            return None
        try:
            return DigestTime.parse(text, zone)
        except WrongDigestTime as e:
            self.keys.refuse(f"digest {e}")


def entry_of(
    place: str, name: str, values: object, *, folder: Path, env: Mapping[str, str]
) -> Entry:
    """Raises ConfigurationError where it is no mapping."""
    if not isinstance(values, dict):
        raise ConfigurationError(f"{place} has no keys: write KEY: VALUE below it, each on a line.")
    return Entry(name, ConfigKeys(place), values, folder, env)


def _written(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"
