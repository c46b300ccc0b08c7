"""The rules that operators set for a tag or for a whole cloud: each with its version, who set it
and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from backups.analysis.rules import Rule
from backups.derived import queue
from backups.edits.volume_edits import (
    LONGEST_TAG,
    Actor,
    BadValue,
    Conflict,
    check_cloud,
    rule_columns,
    text,
)
from backups.models import CloudRule, TagRule, Volume
from backups.models.rule import SharedRule


@dataclass(frozen=True)
class Shared:
    """A rule as it is set now for the tag or cloud `name`."""

    name: str
    rule: Rule
    version: int
    set_at: datetime
    set_by: str


def of_tags() -> list[Shared]:
    return _all(TagRule, "tag")


def of_clouds() -> list[Shared]:
    return _all(CloudRule, "cloud_id")


def set_tag_rule(tag: str, rule: Rule | None, *, actor: Actor, version: int | None = None) -> None:
    """The rule of every disk that carries the tag and has no own one; None takes it away. Raises
    BadValue, Conflict.
    """
    name = text("tag", tag, most=LONGEST_TAG)
    if not name:
        raise BadValue("tag", "Write the tag.")
    tagged = Volume.objects.filter(tagged__tag=name)
    with transaction.atomic():
        _set(TagRule, {"tag": name}, rule, actor, version)
        queue.mark_all(tagged, actor.now)
    for cloud in sorted(tagged.values_list("cloud", flat=True).distinct()):
        queue.derive_due(cloud, actor.now)


def set_cloud_rule(
    cloud: str, rule: Rule | None, *, actor: Actor, version: int | None = None
) -> None:
    """The rule of every disk of a cloud that has no nearer one; None takes it away. Raises
    BadValue, Conflict.
    """
    check_cloud(cloud)
    with transaction.atomic():
        _set(CloudRule, {"cloud_id": cloud}, rule, actor, version)
        queue.mark_all(Volume.objects.filter(cloud=cloud), actor.now)
    queue.derive_due(cloud, actor.now)


def _all(model: type[TagRule] | type[CloudRule], name: str) -> list[Shared]:
    rows = model._default_manager.filter(rule_period_seconds__isnull=False).order_by("pk")
    return [
        Shared(getattr(row, name), rule, row.version, row.set_at, row.set_by)
        for row in rows
        if (rule := Rule.from_columns(row)) is not None
    ]


def _set(
    model: type[TagRule] | type[CloudRule],
    key: Mapping[str, Any],
    rule: Rule | None,
    actor: Actor,
    version: int | None,
) -> None:
    """Version 0 says that there was none."""
    made = {"set_at": actor.now, "set_by": actor.by}
    model._default_manager.get_or_create(**key, defaults=made)
    rows = model._default_manager.filter(**key)
    row: SharedRule = rows.select_for_update(of=("self",), no_key=True).get()
    there = row.version if row.is_set else 0
    if version is not None and version != there:
        raise Conflict(there, row.set_by)
    values = rule_columns(rule)
    if row.rule_columns() != values:
        rows.update(**values, **made, version=row.version + 1)
