"""The rules that operators set for a tag or for a whole cloud: each with its version, who
set it and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from backups.analysis.rules import Rule
from backups.derived import queue
from backups.edits.common import (
    LONGEST_TAG,
    Actor,
    BadValue,
    Conflict,
    NotAllowed,
    clean_text,
    ensure_cloud,
)
from backups.edits.volume_edits import rule_columns
from backups.models import Access, CloudRule, ObjectKind, TagRule, Verb, Volume, VolumeTag
from backups.models.data_version import data_changed
from backups.models.rule import SharedRule
from backups.shared import audit


@dataclass(frozen=True)
class Shared:
    """A rule as it is set now for the tag or cloud `name`."""

    name: str
    rule: Rule
    version: int
    set_at: datetime
    set_by: str


def of_tags(*, access: Access) -> list[Shared]:
    """Returns the rules of all tags; for who may not see all clouds those of tags that lie on a
    volume that he may see, since no other can concern him.
    """
    rules = TagRule.objects.all()
    if access.clouds is not None:
        visible = VolumeTag.objects.filter(volume__cloud__in=access.clouds)
        rules = rules.filter(pk__in=visible.values("tag"))
    return _shared(rules)


def of_clouds(*, access: Access) -> list[Shared]:
    return _shared(CloudRule.objects.visible_to(access))


def set_tag_rule(tag: str, rule: Rule | None, *, actor: Actor, version: int | None = None) -> None:
    """Sets the rule of every volume that carries the tag and has no own one; None takes it away.
    It counts in every cloud, so it is for who may all of them. Raises NotAllowed, BadValue,
    Conflict.
    """
    if actor.access.clouds is not None:
        raise NotAllowed("The rule of a tag counts in every cloud, and only some are open to you.")
    name = clean_text("tag", tag, max_length=LONGEST_TAG)
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
    """Sets the rule of every volume of a cloud that has no nearer one; None takes it
    away. Raises BadValue, Conflict.
    """
    ensure_cloud(cloud, actor.access)
    with transaction.atomic():
        _set(CloudRule, {"cloud_id": cloud}, rule, actor, version)
        queue.mark_all(Volume.objects.filter(cloud=cloud), actor.now)
    queue.derive_due(cloud, actor.now)


def _shared(rules: QuerySet[TagRule] | QuerySet[CloudRule]) -> list[Shared]:
    shared = []
    for row in rules.filter(rule_period_seconds__isnull=False).order_by("pk"):
        rule = Rule.from_columns(row)
        if rule is not None:
            shared.append(Shared(str(row.pk), rule, row.version, row.set_at, row.set_by))
    return shared


def _set(
    model: type[TagRule] | type[CloudRule],
    key: Mapping[str, str],
    rule: Rule | None,
    actor: Actor,
    version: int | None,
) -> None:
    """Writes the rule of one tag or cloud, if it is another one. Version 0 says
    that there was none.
    """
    set_now = {"set_at": actor.now, "set_by": actor.by}
    model._default_manager.get_or_create(**key, defaults=set_now)
    rows = model._default_manager.filter(**key)
    row: SharedRule = rows.select_for_update(of=("self",), no_key=True).get()
    current = Rule.from_columns(row)
    current_version = 0 if current is None else row.version
    if version is not None and version != current_version:
        raise Conflict(current_version, row.set_by)
    if current != rule:
        rows.update(**rule_columns(rule), **set_now, version=row.version + 1)
        _note(model, str(row.pk), current, rule, actor)
    data_changed()


def _note(
    model: type[TagRule] | type[CloudRule],
    name: str,
    before: Rule | None,
    after: Rule | None,
    actor: Actor,
) -> None:
    is_of_cloud = model is CloudRule
    audit.note(
        Verb.RULE_SET if after is not None else Verb.RULE_REMOVE,
        ObjectKind.RULE,
        f"cloud {name}" if is_of_cloud else f"tag {name}",
        cloud=name if is_of_cloud else None,
        before={"rule": before.sentence} if before is not None else None,
        after={"rule": after.sentence} if after is not None else None,
        at=actor.now,
    )
