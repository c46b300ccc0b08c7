"""Who did what: what an admin may read of it, and the newest of one backup or volume."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from backups.models import Access, AuditEntry, Edit, ObjectKind, Role, Verb
from backups.models.audit import AuditQuerySet
from backups.query.audit import AUDIT
from backups.query.list_query import ListQuery
from backups.query.page import Pages
from backups.shared.audit import stored_id

SHOWN = 20
# A row of two transactions at once may be committed behind one with a higher ID; among the newest
# so many it is noticed.
LATE = 1000


@dataclass(frozen=True)
class Changed:
    """An act on one thing, newest first. `changes`: for each value that changed its name, what it
    was and what it became.
    """

    at: datetime
    verb: str
    actor: str
    token_name: str
    changes: Sequence[tuple[str, object, object]]


def visible(access: Access, user: User) -> AuditQuerySet:
    """Returns what an admin may read."""
    return AuditEntry.objects.visible_to(access, user)


def pages(query: ListQuery, now: datetime, *, access: Access, user: User) -> Pages:
    return Pages(AUDIT, query, now, rows=visible(access, user))


def version() -> tuple[object, ...]:
    """Returns what differs whenever another row is there, or one is not any more."""
    newest = list(AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)[:LATE])
    oldest = AuditEntry.objects.order_by("pk").values_list("pk", flat=True).first()
    return (len(newest), newest[:1], newest[-1:], oldest)


def of_backup(backup_id: uuid.UUID, cloud: str, *, access: Access) -> list[Changed] | None:
    """Returns the newest acts on a backup, also those of before there was a record of acts; None to
    viewers, who see what is and not who of their colleagues made it so.
    """
    if not _may_see(access, cloud):
        return None
    edits = Edit.objects.filter(backup=backup_id)
    return _newest(ObjectKind.BACKUP, str(backup_id), cloud, edits.order_by("-id")[:SHOWN])


def of_volume(cloud: str, volume_id: str, *, access: Access) -> list[Changed] | None:
    if not _may_see(access, cloud):
        return None
    edits = Edit.objects.filter(volume__cloud=cloud, volume__volume_id=volume_id)
    return _newest(ObjectKind.VOLUME, volume_id, cloud, edits.order_by("-id")[:SHOWN])


def _may_see(access: Access, cloud: str) -> bool:
    return access.may(Role.OPERATOR) and access.opens(cloud)


def _newest(kind: ObjectKind, object_id: str, cloud: str, edits: Iterable[Edit]) -> list[Changed]:
    """What is older than the record, or in too large an act for a row of its own, is known as an
    edit only; else both tell of the same, at the same time.
    """
    rows = AuditEntry.objects.filter(object_kind=kind, object_id=stored_id(object_id), cloud=cloud)
    acts = []
    for row in rows.order_by("-at", "-pk")[:SHOWN]:
        changed = changes(row.before, row.after)
        acts.append(Changed(row.at, row.verb, row.actor, row.token_name, changed))
    known = {act.at for act in acts}
    verb = Verb.BACKUP_EDIT if kind == ObjectKind.BACKUP else Verb.VOLUME_EDIT
    for edit in edits:
        if edit.at not in known:
            of_field = (edit.field, edit.before, edit.after)
            acts.append(Changed(edit.at, verb, edit.by, "", [of_field]))
    acts.sort(key=lambda act: act.at, reverse=True)
    return acts[:SHOWN]


def changes(
    before: Mapping[str, object] | None, after: Mapping[str, object] | None
) -> list[tuple[str, object, object]]:
    """Returns for each value that changed its name, what it was and what it became."""
    before = before or {}
    after = after or {}
    names = dict.fromkeys([*before, *after])
    return [(name, before.get(name), after.get(name)) for name in names]
