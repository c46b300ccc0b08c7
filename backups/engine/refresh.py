"""Claim what is due, ask the cloud outside any transaction, write what it said in one."""

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from backups.engine import clouds, findings, readings
from backups.engine.derive import derive
from backups.engine.plan import Change, Fetched, described, plan
from backups.models import Backup, Body, Cloud, SearchText
from backups.vbs import payload
from backups.vbs.client import Client
from backups.vbs.errors import SignInRefused, VBSError
from backups.vbs.kind import Votes, vote

logger = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)  # longer than any fetch may take
BATCH = 20  # single GETs in one task
ROUND = timedelta(seconds=45)  # no question is begun later in a claim: the slowest answer takes 8 s


def claim_due(cloud: str, now: datetime, *, most: int) -> list[uuid.UUID]:
    """Take at most `most` due backups of a cloud for 60 s. Two dispatchers at once never take the same."""
    with transaction.atomic():
        due = Backup.objects.due(cloud, now)
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        return claim([row.pk for row in due.only("id")[:most]], now)


def claim(ids: Sequence[uuid.UUID], now: datetime) -> list[uuid.UUID]:
    """Take these, whether due or not, unless somebody holds them; the conditional UPDATE decides."""
    free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    with transaction.atomic():
        rows = Backup.objects.filter(free, pk__in=ids)
        if connection.features.has_select_for_update:
            rows = rows.select_for_update(of=("self",))
        taken = list(rows.order_by("pk").values_list("pk", flat=True))
        Backup.objects.filter(pk__in=taken).update(claimed_until=now + CLAIM)
    return taken


def refresh(cloud_name: str, ids: Sequence[uuid.UUID]) -> int:
    """Ask the cloud about claimed backups one by one and store the answers; how many good ones came."""
    if cloud_name not in clouds.configured():
        return 0
    cloud = Cloud.objects.get(pk=cloud_name)
    if clouds.must_wait(cloud, timezone.now()):
        Backup.objects.filter(pk__in=ids).update(
            claimed_until=None, next_refresh_at=timezone.now() + timedelta(minutes=5)
        )
        return 0
    fetched = fetch(clouds.client(cloud_name), ids)
    return apply(cloud_name, fetched)


def fetch(client: Client, ids: Sequence[uuid.UUID]) -> list[Fetched]:
    """One GET each; an error that concerns the whole cloud ends the round, the rest stay due."""
    found: list[Fetched] = []
    began = timezone.now()
    for backup_id in ids:
        asked_at = timezone.now()
        if asked_at - began > ROUND:
            release(ids[len(found) :])
            break
        try:
            answer = client.get_backup(str(backup_id))
        except VBSError as error:
            found.append(Fetched(backup_id, asked_at, error=error, http_status=error.http_status or 0))
            if error.class_name == "unauthorized" or (error.class_name == "unavailable" and not error.http_status):
                found += [Fetched(rest, asked_at, error=error) for rest in ids[len(found) :]]
                break
        else:
            decoded = payload.decode(answer.body["backup"])
            found.append(Fetched(backup_id, asked_at, answer=decoded, http_status=answer.http_status))
    return found


def apply(cloud_name: str, fetched: Sequence[Fetched]) -> int:
    """Write a batch in one transaction; idempotent, and an answer older than the stored one is ignored."""
    now = max((one.asked_at for one in fetched), default=timezone.now())
    with transaction.atomic():
        cloud = Cloud.objects.select_for_update().get(pk=cloud_name)
        _note_cloud(cloud, fetched)
        rows = Backup.objects.select_for_update(of=("self",)).filter(
            pk__in=[one.id for one in fetched], cloud=cloud_name
        )
        stored = {row.pk: row for row in rows.order_by("pk")}
        before = [vote(inc=row.inc, type_=row.type) for row in stored.values()]
        reading = clouds.reading(cloud, clouds.configured().get(cloud_name))
        changes = [plan(stored[one.id], one, reading=reading) for one in fetched if one.id in stored]
        received = {one.id: one for one in fetched}
        changed = {change.id for change in changes if change is not None and change.is_news}
        disks = {row.volume_id for row in stored.values() if row.pk in changed}
        for change in changes:
            if change is not None:
                _write(change, stored[change.id], received[change.id])
        after = [vote(inc=row.inc, type_=row.type) for row in stored.values()]
        _count_votes(cloud, before, after)
        cloud.save()
        disks |= {row.volume_id for row in stored.values() if row.pk in changed}
        findings.note(changed, now)
        derive(cloud_name, disks, now)
    readings.ensure(cloud_name, now)
    return sum(1 for one in fetched if one.answer is not None)


def _write(change: Change, row: Backup, fetched: Fetched) -> None:
    for word, value in change.values.items():
        setattr(row, word, value)
    row.save(update_fields=list(change.values))
    if change.body is not None:
        defaults = {"received_at": fetched.asked_at, "http_status": fetched.http_status, "text": change.body}
        Body.objects.update_or_create(backup=row, defaults=defaults)
        SearchText.objects.put([vars(row)])


def _note_cloud(cloud: Cloud, fetched: Sequence[Fetched]) -> None:
    """A cloud is heard when it answered anything sensible, a 404 of a backup included."""
    config = clouds.configured().get(cloud.name)
    for one in fetched:
        cloud.attempted_at = one.asked_at
        if one.answer is not None or (one.error is not None and one.error.class_name in ("gone", "rejected")):
            cloud.last_good_at, cloud.error, cloud.refused_at = one.asked_at, None, None
            cloud.seen_vbs = cloud.seen_vbs or (one.answer is not None and one.answer.is_vbs)
        elif one.error is not None:
            same = cloud.error is not None and cloud.error["class"] == one.error.class_name
            since = cloud.error["since"] if cloud.error and same else one.asked_at.isoformat()
            cloud.error = described(one.error, since)
            if isinstance(one.error, SignInRefused) and config is not None:
                cloud.refused_at, cloud.refused_fingerprint = one.asked_at, clouds.fingerprint(config)
    if config is not None:
        client = clouds.client(cloud.name)
        cloud.catalog_type, cloud.signed_in_at = client.endpoint_type, client.signed_in_at


def _count_votes(cloud: Cloud, before: Sequence[Votes], after: Sequence[Votes]) -> None:
    cloud.type_votes_0 = max(0, cloud.type_votes_0 + sum(v.zero for v in after) - sum(v.zero for v in before))
    cloud.type_votes_1 = max(0, cloud.type_votes_1 + sum(v.one for v in after) - sum(v.one for v in before))


def release(ids: Sequence[uuid.UUID]) -> None:
    """Give claimed backups back: somebody else may take them at once."""
    Backup.objects.filter(pk__in=ids).update(claimed_until=None, next_refresh_at=F("next_refresh_at"))
