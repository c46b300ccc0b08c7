"""Reads channels.yaml: whom alarms are told, and which address hears that vbsdash works.

Settings check the file before there are models, so nothing here or in `channels/` imports one but
`check_filters`. It is read once in a process.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

from backups.alarms.channels.channel import Channel
from backups.alarms.channels.entry import COMMON_KEYS, entry_of
from backups.alarms.channels.far_side import FarSide
from backups.alarms.channels.kinds import KINDS
from backups.vbs import clouds_file
from backups.vbs.errors import ConfigurationError
from backups.vbs.known_keys import is_private, near, shown
from backups.vbs.quoted import quoted

VARIABLE: Final = "VBSDASH_CHANNELS_FILE"
NAME: Final = "channels.yaml"
LONGEST_NAME: Final = 60  # characters
_SECTIONS: Final = ("channels", "heartbeat")
_HEARTBEAT_EVERY: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class OutwardHeartbeat:
    """An address that is asked every so often while alarms are evaluated."""

    far_side: FarSide
    every: timedelta


@dataclass(frozen=True)
class Content:
    channels: Mapping[str, Channel] = field(default_factory=dict)
    heartbeat: OutwardHeartbeat | None = None


_read: dict[Path, Content] = {}


def find(env: Mapping[str, str], *, folder: Path, home: Path) -> Path | None:
    """Returns the file that is named, else the one beside the clouds.yaml in use, else the one in
    `folder`, unless a clouds.yaml elsewhere is named; None where there is none. Raises
    ConfigurationError.
    """
    named = env.get(VARIABLE)
    if named:
        path = folder / clouds_file.expanded(named)
        if not path.is_file():
            raise ConfigurationError(
                f"{VARIABLE} names {path}, which is no file: correct the path."
            )
        return path
    clouds = clouds_file.path_in_use(env, cwd=folder, home=home)
    if clouds is not None and (clouds.parent / NAME).is_file():
        return clouds.parent / NAME
    # Who names a file for the clouds, as for a try, tells nobody of it by chance.
    is_named = bool(env.get("OS_CLIENT_CONFIG_FILE"))
    return folder / NAME if not is_named and (folder / NAME).is_file() else None


def read(path: Path | None, env: Mapping[str, str], *, folder: Path) -> Content:
    """Returns what stands in the file. `folder`: where relative paths in it begin. Raises
    ConfigurationError.
    """
    if path is None:
        return Content()
    if path not in _read:
        _read[path] = _content(path, env, folder)
    return _read[path]


def channels() -> dict[str, Channel]:
    """Returns the configured channels by name."""
    return dict(_configured().channels)


def heartbeat() -> OutwardHeartbeat | None:
    return _configured().heartbeat


def forget() -> None:
    """Lets the file be read anew, which a test has changed."""
    _read.clear()


def check_filters(now: datetime) -> None:
    """Raises ConfigurationError where the list of alarms does not understand a filter."""
    from backups.query.alarms import matching
    from backups.query.list_query import InvalidQuery

    for name, channel in channels().items():
        try:
            matching(channel.query, now)
        except InvalidQuery as e:
            faults = " ".join(e.errors.values()).rstrip(".")
            faults = re.sub(r"\. (\w)", lambda match: f"; {match[1].lower()}", faults)
            raise ConfigurationError(
                f"{_place(settings.CHANNELS_FILE, name)}: filter is not understood: {faults}; "
                "write it as in the address of the page Alarms."
            ) from e


def _configured() -> Content:
    return read(settings.CHANNELS_FILE, settings.ENV, folder=settings.BASE_DIR)


def _content(path: Path, env: Mapping[str, str], folder: Path) -> Content:
    content = clouds_file.parse(path)
    if content is None:
        return Content()
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path} has no mapping under the key channels: write channels: and each channel below "
            "it."
        )
    for key in content:
        if key in _SECTIONS or is_private(key):
            continue
        meant = near(str(key), _SECTIONS)
        cure = f"is {meant} meant?" if meant else "write channels: above it, and indent it."
        raise ConfigurationError(f"{path}: the key {shown(key)} is not known: {cure}")
    named = content.get("channels") or {}
    if not isinstance(named, dict):
        raise ConfigurationError(
            f"{path} has no mapping under the key channels: write each channel below it as NAME: "
            "and its keys below that, without a dash."
        )
    channels: dict[str, Channel] = {}
    for name, values in named.items():
        if is_private(name):
            continue
        _check_name(path, name)
        channels[name] = _channel(path, name, values, folder, env)
    return Content(channels, _heartbeat(path, content.get("heartbeat"), folder, env))


def _place(path: object, name: str) -> str:
    return f"{path}, channel {quoted(name)}"


def _check_name(path: Path, name: object) -> None:
    if not isinstance(name, str):
        raise ConfigurationError(
            f"{path} has a channel whose name is no text to YAML, which reads it as {shown(name)}: "
            "put the name in quotes."
        )
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise ConfigurationError(
            f"{_place(path, name)}: its name is empty, cannot be shown or has more than "
            f"{LONGEST_NAME} characters: give it another one."
        )


def _channel(
    path: Path, name: str, values: object, folder: Path, env: Mapping[str, str]
) -> Channel:
    entry = entry_of(_place(path, name), name, values, folder=folder, env=env)
    kind = entry.text("kind", example=" or ".join(KINDS))
    if kind not in KINDS:
        entry.keys.refuse(f"kind is {quoted(kind)}: write one of {', '.join(KINDS)}")
    entry.refuse_unknown((*COMMON_KEYS, *KINDS[kind].keys))
    return KINDS[kind].read(entry)


def _heartbeat(
    path: Path, values: object, folder: Path, env: Mapping[str, str]
) -> OutwardHeartbeat | None:
    if values is None:
        return None
    entry = entry_of(f"{path}, heartbeat", "heartbeat", values, folder=folder, env=env)
    entry.refuse_unknown(("url", "url_file", "every"))
    every = entry.span("every", least=timedelta(minutes=1), most=timedelta(days=1))
    return OutwardHeartbeat(entry.far_side(), every or _HEARTBEAT_EVERY)
