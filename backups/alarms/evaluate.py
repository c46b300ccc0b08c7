"""Opens and closes alarms: what is wrong now against what is open, in one transaction, and what
follows of it for the channels.

What a cloud does not answer for is no recovery: such an alarm stays open until an answer says that
its trouble is over.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.core.cache import caches
from django.db import connection, transaction

from backups.alarms import outbox
from backups.alarms.findings import COUNTED, Finding, findings
from backups.analysis.protection import OUTSIDE
from backups.clouds import registry
from backups.models import Alarm, AlarmKind, Backup, Cloud, Ended, Heartbeat, Volume
from backups.models.alarm import HOLDS, OF_CLOUDS, severity_of
from backups.models.data_version import data_changed
from backups.reports.computed_once import CACHE
from backups.reports.data_version import versions
from backups.shared import clock
from backups.shared.batches import in_batches
from backups.vbs.statuses import IN_FLIGHT

PART: Final = "alarms"  # of the signs of life
# What comes back sooner is the same alarm again, and changes in so close succession are a burst.
BURST: Final = timedelta(minutes=10)
# What a finding writes onto the row of an open alarm.
_SHOWN: Final = (
    "state",
    "title",
    "sentence",
    "next",
    "volume_id",
    "backup_id",
    "since",
    "evidence",
)
_ROWS_PER_WRITE: Final = 100

Fingerprint = tuple[str, str, str]  # kind, cloud, subject
Row = Mapping[str, Any]


def evaluate(now: datetime) -> None:
    """Judges all clouds, and notes that it was done: to be called each minute."""
    with transaction.atomic():
        _lock()
        _forget_the_future(now)
        clouds = list(Cloud.objects.order_by("name"))
        is_changed = _judge(now, clouds, counted=True)
        is_changed |= outbox.tell(now)
        Heartbeat.objects.filter(part=PART).update(at=now)
        if is_changed:
            data_changed()


def evaluate_cloud(name: str, now: datetime) -> None:
    """Judges one cloud after answers of it, without what is counted over all its rows. Nothing is
    done where this process has judged the same before: most answers tell nothing new.
    """
    version = versions(now).content
    judged = caches[CACHE]
    key = f"judged-{connection.settings_dict['NAME']}-{name}"
    if judged.get(key) == version:
        return
    with transaction.atomic():
        _lock()
        clouds = list(Cloud.objects.filter(pk=name))
        is_changed = _judge(now, clouds, counted=False)
        is_changed |= outbox.tell(now)
        if is_changed:
            data_changed()
    judged.set(key, version)


def _lock() -> None:
    """Lets one process judge at a time, until its transaction ends."""
    # Django leaves the lock out of a mere `exists()`.
    if list(Heartbeat.objects.select_for_update().filter(part=PART)):
        return
    never = datetime.fromtimestamp(0, UTC)
    Heartbeat.objects.bulk_create([Heartbeat(part=PART, at=never)], ignore_conflicts=True)
    Heartbeat.objects.select_for_update().get(part=PART)


def _forget_the_future(now: datetime) -> None:
    """Lets alarms that a clock that was ahead has opened be opened now: else they would be pending,
    and leave no trace when they end.
    """
    ahead = Alarm.objects.open().filter(opened_at__gt=now + clock.FUTURE)
    if ahead.update(opened_at=now, held_until=now, changed_at=now, burst_began_at=now):
        data_changed()


def _judge(now: datetime, clouds: Sequence[Cloud], *, counted: bool) -> bool:
    """Returns whether any alarm was opened, closed or is told of otherwise."""
    wrong: dict[Fingerprint, Finding] = {}
    for finding in findings(now, clouds, counted=counted):
        wrong[(finding.kind, finding.cloud, finding.subject)] = finding
    open_alarms: dict[Fingerprint, Alarm] = {}
    rows = Alarm.objects.open().filter(cloud__in=[cloud.name for cloud in clouds])
    if not counted:
        rows = rows.exclude(kind__in=COUNTED)
    for alarm in rows.order_by("id"):
        open_alarms[(alarm.kind, alarm.cloud_id, alarm.subject)] = alarm
    news = [finding for key, finding in wrong.items() if key not in open_alarms]
    over = [alarm for key, alarm in open_alarms.items() if key not in wrong]
    is_changed = _open(news, now)
    is_changed |= _close(over, {cloud.name: cloud for cloud in clouds}, now)
    is_changed |= _update(open_alarms, wrong)
    return is_changed


def _open(news: Sequence[Finding], now: datetime) -> bool:
    """Opens alarms anew, or again where they were closed just before."""
    if not news:
        return False
    lately_closed = _lately_closed(news, now)
    fresh: list[Alarm] = []
    again: list[Alarm] = []
    for finding in news:
        hold = HOLDS.get(finding.kind, timedelta(0))
        held_until = now + hold
        alarm = lately_closed.get((finding.kind, finding.cloud, finding.subject))
        # What is over within its hold has to leave no trace, so it is a row of its own.
        if alarm is None or hold:
            fresh.append(_new_alarm(finding, now, held_until))
            continue
        alarm.closed_at = None
        alarm.ended = ""
        alarm.held_until = held_until
        # Whoever took it took it until it was over.
        alarm.acknowledged_at = None
        alarm.acknowledged_by = ""
        alarm.acknowledged_reason = ""
        _count_change(alarm, now)
        _show(alarm, finding)
        again.append(alarm)
    Alarm.objects.bulk_create(fresh, batch_size=_ROWS_PER_WRITE)
    columns = ["closed_at", "ended", "held_until", *_TAKEN, *_COUNTS, "evidence_at", *_SHOWN]
    Alarm.objects.bulk_update(again, columns, batch_size=_ROWS_PER_WRITE)
    return True


_TAKEN: Final = ("acknowledged_at", "acknowledged_by", "acknowledged_reason")
_COUNTS: Final = ("changes", "changed_at", "burst", "burst_began_at")


def _new_alarm(finding: Finding, now: datetime, held_until: datetime) -> Alarm:
    alarm = Alarm(
        kind=finding.kind,
        severity=severity_of(finding.kind),
        cloud_id=finding.cloud,
        subject=finding.subject,
        opened_at=now,
        held_until=held_until,
        changed_at=now,
        burst_began_at=now,
    )
    _show(alarm, finding)
    return alarm


def _lately_closed(news: Iterable[Finding], now: datetime) -> dict[Fingerprint, Alarm]:
    subjects_by_cloud: dict[str, list[str]] = {}
    for finding in news:
        subjects_by_cloud.setdefault(finding.cloud, []).append(finding.subject)
    closed: dict[Fingerprint, Alarm] = {}
    for cloud, subjects in subjects_by_cloud.items():
        for batch in in_batches(subjects):
            rows = Alarm.objects.filter(
                cloud=cloud, subject__in=batch, closed_at__gt=now - BURST
            ).order_by("closed_at")
            for alarm in rows:
                closed[(alarm.kind, alarm.cloud_id, alarm.subject)] = alarm
    return closed


def _count_change(alarm: Alarm, now: datetime) -> None:
    alarm.changes += 1
    if timedelta(0) <= now - alarm.changed_at < BURST:
        alarm.burst += 1
    else:
        alarm.burst = 1
        alarm.burst_began_at = now
    alarm.changed_at = now


def _show(alarm: Alarm, finding: Finding) -> bool:
    """Writes what the finding says onto the row; returns whether any of it is new."""
    is_new = False
    for column in _SHOWN:
        value = getattr(finding, column)
        if getattr(alarm, column) != value:
            setattr(alarm, column, value)
            is_new = True
    if is_new:
        alarm.evidence_at = finding.evidence_at
    return is_new


def _update(open_alarms: Mapping[Fingerprint, Alarm], wrong: Mapping[Fingerprint, Finding]) -> bool:
    changed = []
    for key, alarm in open_alarms.items():
        if key in wrong and _show(alarm, wrong[key]):
            changed.append(alarm)
    Alarm.objects.bulk_update(changed, [*_SHOWN, "evidence_at"], batch_size=_ROWS_PER_WRITE)
    return bool(changed)


def _close(over: Sequence[Alarm], clouds: Mapping[str, Cloud], now: datetime) -> bool:
    """Closes what an answer says is over. What nobody was told of leaves no trace."""
    ends = _ends(over, clouds, now)
    closed: list[Alarm] = []
    untold: list[int] = []
    for alarm in over:
        ended = ends.get(alarm.pk)
        if ended is None:
            continue
        if alarm.changes == 1 and alarm.held_until > now:
            untold.append(alarm.pk)
            continue
        alarm.closed_at = now
        alarm.ended = ended
        _count_change(alarm, now)
        closed.append(alarm)
    Alarm.objects.bulk_update(closed, ["closed_at", "ended", *_COUNTS], batch_size=_ROWS_PER_WRITE)
    for batch in in_batches(untold):
        Alarm.objects.filter(pk__in=batch).delete()
    for alarm in closed:
        if alarm.kind == AlarmKind.CLOUD_SILENT:
            _hold_anew(alarm.cloud_id, now)
    return bool(closed or untold)


def _hold_anew(cloud: str, now: datetime) -> None:
    """Lets what was counted while a cloud was silent prove itself again: its first answers come
    only now.
    """
    for kind in COUNTED:
        counted = Alarm.objects.open().filter(cloud=cloud, kind=kind, deliveries__isnull=True)
        counted.update(held_until=now + HOLDS[kind])


def _ends(over: Sequence[Alarm], clouds: Mapping[str, Cloud], now: datetime) -> dict[int, Ended]:
    """Returns how alarms ended that are no finding any more, by their keys. Those are left out that
    only nobody answers for.
    """
    ends: dict[int, Ended] = {}
    of_volumes: list[Alarm] = []
    of_backups: list[Alarm] = []
    for alarm in over:
        if alarm.cloud_id not in registry.configured():
            ends[alarm.pk] = Ended.DROPPED
        elif alarm.subject == alarm.volume_id:
            of_volumes.append(alarm)
        elif alarm.kind not in OF_CLOUDS:
            of_backups.append(alarm)
        elif alarm.kind == AlarmKind.CLOUD_SILENT or clouds[alarm.cloud_id].is_heard(now):
            ends[alarm.pk] = Ended.RECOVERED
    ends.update(_ends_of_volumes(of_volumes, now))
    ends.update(_ends_of_backups(of_backups, now))
    return ends


_VOLUME_COLUMNS = ("volume_id", "protection", "followed", "last_good_at", "counted_under")


def _ends_of_volumes(alarms: Sequence[Alarm], now: datetime) -> dict[int, Ended]:
    volumes: dict[tuple[str, str], Row] = {}
    for cloud, volume_ids in _subjects_by_cloud(alarms).items():
        for batch in in_batches(volume_ids):
            known: Any = Volume.objects.with_protection(now)
            known = known.filter(cloud=cloud, volume_id__in=batch)
            for row in known.values(*_VOLUME_COLUMNS):
                volumes[(cloud, row["volume_id"])] = row
    ends: dict[int, Ended] = {}
    for alarm in alarms:
        ended = _end_of_volume(alarm, volumes.get((alarm.cloud_id, alarm.subject)))
        if ended is not None:
            ends[alarm.pk] = ended
    return ends


def _end_of_volume(alarm: Alarm, volume: Row | None) -> Ended | None:
    """Returns None where it may still be as it was."""
    if volume is None or volume["protection"] in OUTSIDE or not volume["followed"]:
        return Ended.DROPPED
    if volume["counted_under"] is not None:
        # Another cloud of the same project has the alarm now.
        return Ended.DROPPED
    if alarm.kind == AlarmKind.BACKUPS_FAIL:
        # Its failures may also be untracked, or gone from the cloud.
        good_at = volume["last_good_at"]
        is_well = good_at is not None and (alarm.since is None or good_at >= alarm.since)
        return Ended.RECOVERED if is_well else Ended.DROPPED
    return None if volume["protection"] == "unknown" else Ended.RECOVERED


def _ends_of_backups(alarms: Sequence[Alarm], now: datetime) -> dict[int, Ended]:
    unmoved_by_id: dict[str, bool] = {}
    for batch in in_batches([alarm.subject for alarm in alarms]):
        tracked = Backup.objects.filter(pk__in=batch, gone_at__isnull=True).order_by()
        for pk, status, stuck_at in tracked.values_list("pk", "status", "stuck_at"):
            is_stuck = stuck_at is not None and stuck_at <= now
            unmoved_by_id[str(pk)] = is_stuck and status in IN_FLIGHT
    ends: dict[int, Ended] = {}
    for alarm in alarms:
        is_unmoved = unmoved_by_id.get(alarm.subject)
        if is_unmoved is None:
            ends[alarm.pk] = Ended.DROPPED
        elif alarm.kind != AlarmKind.STUCK or not is_unmoved:
            ends[alarm.pk] = Ended.RECOVERED
    return ends


def _subjects_by_cloud(alarms: Iterable[Alarm]) -> dict[str, list[str]]:
    by_cloud: dict[str, list[str]] = {}
    for alarm in alarms:
        by_cloud.setdefault(alarm.cloud_id, []).append(alarm.subject)
    return by_cloud
