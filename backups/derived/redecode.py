"""Read the stored answers again, without asking a cloud: after an upgrade that understands more of
them.
"""

import json
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Count

from backups.models import Backup, Body
from backups.shared.locks import lock_cloud
from backups.vbs import payload
from backups.vbs.kind import Votes, vote

CHUNK = 200


def redecode(cloud_name: str) -> int:
    """Write what the bodies of a cloud say, read as of today; how many backups changed. Kinds are
    judged elsewhere.
    """
    changed = 0
    with transaction.atomic():
        cloud = lock_cloud(cloud_name)
        for bodies in _bodies(cloud_name):
            changed += _write(bodies)
        votes = _votes(cloud_name)
        cloud.type_votes_0, cloud.type_votes_1 = votes.zero, votes.one
        cloud.save(update_fields=["type_votes_0", "type_votes_1"])
    return changed


def _bodies(cloud: str) -> Iterator[list[Body]]:
    """By primary key, a few hundred at a time: 100,000 bodies need no memory."""
    bodies = Body.objects.filter(backup__cloud=cloud).select_related("backup").order_by("pk")
    some = list(bodies[:CHUNK])
    while some:
        yield some
        some = list(bodies.filter(pk__gt=some[-1].pk)[:CHUNK])


def _write(bodies: list[Body]) -> int:
    changed = []
    words: set[str] = set()
    for body in bodies:
        row, new = body.backup, payload.decode(json.loads(body.text)).columns()
        if differing := [word for word, value in new.items() if getattr(row, word) != value]:
            for word in differing:
                setattr(row, word, new[word])
            words |= set(differing)
            changed.append(row)
    if changed:
        Backup.objects.bulk_update(changed, sorted(words), batch_size=50)
    return len(changed)


def _votes(cloud: str) -> Votes:
    pairs = (
        Backup.objects.filter(cloud=cloud)
        .order_by()
        .values_list("inc", "type")
        .annotate(n=Count("pk"))
    )
    told = [(vote(inc=inc, type_=type_), n) for inc, type_, n in pairs]
    return Votes(zero=sum(v.zero * n for v, n in told), one=sum(v.one * n for v, n in told))
