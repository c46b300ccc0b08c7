"""Which role the groups of people give who sign in elsewhere, and in which clouds: a file that
VBSDASH_GROUPS_FILE names.

    /vbs/admins: admin
    /vbs/night-shift: {role: operator, clouds: [otc]}
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from backups.vbs.clouds_file import expanded, parse
from backups.vbs.errors import ConfigurationError
from backups.vbs.quoted import quoted

# As `backups.models.Role`, which cannot be imported before there are settings.
ROLES = ("viewer", "operator", "admin")
EXAMPLE = "NAME: operator, or NAME: {role: operator, clouds: [CLOUD]}"
REFUSE = "refuse"
OTHERS = (REFUSE, "viewer")


@dataclass(frozen=True)
class GroupRole:
    """`clouds`: names; None: all."""

    role: str
    clouds: frozenset[str] | None


@dataclass(frozen=True)
class GroupRoles:
    """`by_group`: by the name of a group as it is sent. `others`: what somebody is who is in none
    of them; None: is refused.
    """

    by_group: Mapping[str, GroupRole]
    others: GroupRole | None


NO_GROUPS = GroupRoles({}, None)


def read(env: Mapping[str, str], *, folder: Path, clouds: Collection[str] | None) -> GroupRoles:
    """Returns NO_GROUPS where no file is named. `clouds`: the configured ones; None: not known
    yet.
    """
    others = env.get("VBSDASH_NO_GROUP") or REFUSE
    if others not in OTHERS:
        raise ConfigurationError(
            f"VBSDASH_NO_GROUP is {quoted(others)}: write refuse, or viewer to let everybody read "
            "who can sign in."
        )
    name = env.get("VBSDASH_GROUPS_FILE")
    if not name:
        return NO_GROUPS
    path = folder / expanded(name)
    if not path.is_file():
        raise ConfigurationError(
            f"VBSDASH_GROUPS_FILE names {path}, which is no file: correct the path."
        )
    content = parse(path)
    place = f"{path} (VBSDASH_GROUPS_FILE)"
    if not isinstance(content, dict) or not content:
        raise ConfigurationError(f"{place} names no group: write lines as {EXAMPLE}.")
    by_group: dict[str, GroupRole] = {}
    for group, value in content.items():
        if not isinstance(group, str) or not group.strip():
            raise ConfigurationError(
                f"{place} has a group whose name is no text to YAML, which reads it as "
                f"{quoted(str(group))}: put the name in quotes."
            )
        by_group[group] = _rule(f"{place}, group {quoted(group)},", value, clouds)
    return GroupRoles(by_group, None if others == REFUSE else GroupRole(others, None))


def _rule(place: str, value: object, clouds: Collection[str] | None) -> GroupRole:
    if not isinstance(value, dict):
        return GroupRole(_role(place, value), None)
    for key in value:
        if key not in ("role", "clouds"):
            raise ConfigurationError(f"{place} has the key {quoted(str(key))}: write {EXAMPLE}.")
    role = _role(place, value.get("role"))
    if "clouds" not in value:
        return GroupRole(role, None)
    return GroupRole(role, _clouds(place, value["clouds"], clouds))


def _role(place: str, value: object) -> str:
    if value not in ROLES:
        raise ConfigurationError(
            f"{place} has the role {quoted(str(value))}: write one of {', '.join(ROLES)}."
        )
    return str(value)


def _clouds(place: str, value: object, clouds: Collection[str] | None) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        raise ConfigurationError(
            f"{place} has no list of clouds: write clouds: [NAME, NAME], or leave it out for all."
        )
    for name in value:
        if not isinstance(name, str) or (clouds is not None and name not in clouds):
            configured = ", ".join(sorted(clouds or ())) or "none"
            raise ConfigurationError(
                f"{place} names the cloud {quoted(str(name))}, which is not configured: write one "
                f"of {configured}."
            )
    return frozenset(value)
