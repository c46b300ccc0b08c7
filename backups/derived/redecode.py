"""Decodes the stored answers again, without asking a cloud: after an upgrade that
understands more of them.
"""

import json
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Count

from backups.models import Backup, Body, SearchText
from backups.models.data_version import data_changed
from backups.shared.locks import lock_cloud
from backups.vbs import payload
from backups.vbs.kind import Votes, vote

BODIES_PER_QUERY = 200  # 100,000 bodies need no memory


def redecode(cloud_name: str) -> int:
    """Writes what the stored bodies of a cloud say; returns how many backups changed.

    Kinds are judged elsewhere, see refresh/type_interpretation.py.
    """
    changed = 0
    with transaction.atomic():
        cloud = lock_cloud(cloud_name)
        for bodies in _read_bodies(cloud_name):
            changed += _write(bodies)
        votes = _count_votes(cloud_name)
        cloud.type_votes_0 = votes.zero
        cloud.type_votes_1 = votes.one
        cloud.save(update_fields=["type_votes_0", "type_votes_1"])
        data_changed()
    return changed


def _read_bodies(cloud: str) -> Iterator[list[Body]]:
    """Yields the bodies by primary key, some hundreds at a time."""
    bodies = Body.objects.filter(backup__cloud=cloud).select_related("backup").order_by("pk")
    batch = list(bodies[:BODIES_PER_QUERY])
    while batch:
        yield batch
        batch = list(bodies.filter(pk__gt=batch[-1].pk)[:BODIES_PER_QUERY])


def _write(bodies: list[Body]) -> int:
    changed: list[Backup] = []
    columns: set[str] = set()
    for body in bodies:
        row = body.backup
        backup = payload.decode(json.loads(body.text))
        decoded = backup.columns()
        differing: list[str] = []
        for column, value in decoded.items():
            # Of a word that the body cannot have, null says nothing.
            if column not in backup.not_supplied and getattr(row, column) != value:
                differing.append(column)
                setattr(row, column, value)
        if differing:
            columns.update(differing)
            changed.append(row)
    if changed:
        Backup.objects.bulk_update(changed, sorted(columns), batch_size=50)
    # Of unchanged ones too: another version may have folded their texts in another way.
    SearchText.objects.put(vars(body.backup) for body in bodies)
    return len(changed)


def _count_votes(cloud: str) -> Votes:
    votes_for_0 = 0
    votes_for_1 = 0
    signals = Backup.objects.filter(cloud=cloud).order_by().values_list("inc", "type")
    for inc, type_, count in signals.annotate(n=Count("pk")):
        votes = vote(inc=inc, type_=type_)
        votes_for_0 += votes.zero * count
        votes_for_1 += votes.one * count
    return Votes(zero=votes_for_0, one=votes_for_1)
