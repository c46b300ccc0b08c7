"""Who takes an alarm, and why: until it is over, or until it is taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import transaction

from backups.edits.common import Actor, clean_text
from backups.models import Alarm, ObjectKind, Verb
from backups.models.data_version import data_changed
from backups.shared import audit
from backups.shared.audit import Act
from backups.shared.batches import in_batches

LONGEST_REASON: Final = 500  # characters


@dataclass
class Taken:
    """`ids`: what was changed. `before`: alarms that somebody has acknowledged already, or that
    nobody has; `others`: those that are over, or not known in the clouds that are open.
    """

    ids: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    others: list[int] = field(default_factory=list)


def acknowledge(ids: Sequence[int], reason: str, *, actor: Actor) -> Taken:
    """Acknowledges open alarms until they are over. What somebody has acknowledged stays his.
    `reason` may be empty. Raises BadValue.
    """
    reason = clean_text("reason", reason, max_length=LONGEST_REASON)
    columns = {
        "acknowledged_at": actor.now,
        "acknowledged_by": actor.by,
        "acknowledged_reason": reason,
    }
    after = {"reason": reason} if reason else {}
    return _change(ids, columns, Verb.ALARM_ACKNOWLEDGE, after=after, actor=actor)


def take_back(ids: Sequence[int], *, actor: Actor) -> Taken:
    """Takes acknowledgements back, whoever made them."""
    columns = {"acknowledged_at": None, "acknowledged_by": "", "acknowledged_reason": ""}
    return _change(ids, columns, Verb.ALARM_TAKE_BACK, after={}, actor=actor)


def _change(
    ids: Sequence[int],
    columns: Mapping[str, object],
    verb: Verb,
    *,
    after: Mapping[str, str],
    actor: Actor,
) -> Taken:
    taken = Taken()
    is_taking = columns["acknowledged_at"] is not None
    acts = []
    with transaction.atomic():
        for batch in in_batches(sorted(set(ids))):
            rows = Alarm.objects.open().visible_to(actor.access).filter(pk__in=batch)
            locked = rows.order_by("pk").select_for_update(of=("self",), no_key=True)
            alarms = {alarm.pk: alarm for alarm in locked}
            changed = []
            for pk in batch:
                alarm = alarms.get(pk)
                if alarm is None:
                    taken.others.append(pk)
                elif (alarm.acknowledged_at is not None) == is_taking:
                    taken.before.append(pk)
                else:
                    changed.append(pk)
                    acts.append(_act(alarm, after))
            Alarm.objects.filter(pk__in=changed).update(**columns)
            taken.ids += changed
        if taken.ids:
            audit.note_many(verb, ObjectKind.ALARM, acts, at=actor.now)
            data_changed()
    return taken


def _act(alarm: Alarm, after: Mapping[str, str]) -> Act:
    what = {"kind": alarm.kind, "of": alarm.title, **after}
    before = None
    if alarm.acknowledged_at is not None:
        before = {"by": alarm.acknowledged_by, "reason": alarm.acknowledged_reason}
    return Act(str(alarm.pk), alarm.cloud_id, before, what)
