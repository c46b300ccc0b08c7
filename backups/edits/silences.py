"""Mutes alarms for a time: one of them, a maintenance, quiet hours; and ends it before its time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils.http import urlencode

from backups.analysis import zones
from backups.analysis.rules import BadRule, by_cron
from backups.edits.common import Actor, BadValue, clean_text
from backups.models import Access, Alarm, ObjectKind, Silence, Verb
from backups.models.data_version import data_changed
from backups.query.alarms import matching
from backups.query.list_query import InvalidQuery, query_of
from backups.query.silences import lies_in
from backups.shared import audit

LONGEST_REASON: Final = 500  # characters
LONGEST: Final = timedelta(days=366)  # from begin to end, where it does not recur
FARTHEST: Final = timedelta(days=3660)  # from now
LONGEST_QUIET: Final = timedelta(days=7)  # from one time of cron on
# Each that holds is a condition more whenever alarms are judged.
MOST_AT_ONCE: Final = 200
MOST_SUBJECTS: Final = 100  # of one silence: as many values as a key of an address takes
SNOOZED: Final = "Snoozed."


class UnknownSilence(Exception):
    """No silence has this ID, or it mutes alarms of clouds that are not open as well."""


def begin(
    query: str,
    begins_at: datetime | None,
    ends_at: datetime | None,
    reason: str,
    *,
    actor: Actor,
    cron: str | None = None,
    duration: timedelta | None = None,
    zone: str | None = None,
) -> Silence:
    """Begins a silence of the alarms that `query` finds, which is of the list of alarms as in its
    address. `begins_at`: now without it; with `cron` it may be without end. Raises BadValue.

    Whoever sees some clouds only names these clouds in it: he mutes nothing for others.
    """
    query = _checked_query(query, actor)
    reason = clean_text("reason", reason, max_length=LONGEST_REASON)
    if not reason:
        raise BadValue("reason", "Write why, for whoever misses an alarm.")
    _check_number(actor.now)
    begins_at = begins_at or actor.now
    columns: dict[str, object] = {}
    _check_span(begins_at, ends_at, actor.now)
    if cron is None:
        if ends_at is None:
            raise BadValue("ends_at", "Say until when.")
        if ends_at - begins_at > LONGEST:
            raise BadValue("ends_at", "At most a year: what is never told is forgotten.")
    else:
        columns = _recurrence(cron, duration, zone)
    with transaction.atomic():
        silence = Silence.objects.create(
            query=query,
            reason=reason,
            by=actor.by,
            made_at=actor.now,
            begins_at=begins_at,
            ends_at=ends_at,
            **columns,
        )
        audit.note(
            Verb.SILENCE_BEGIN,
            ObjectKind.SILENCE,
            silence.pk,
            cloud=_only_cloud(query),
            after=_in_words(silence),
            at=actor.now,
        )
        data_changed()
    return silence


def snooze(ids: Sequence[int], ends_at: datetime, reason: str, *, actor: Actor) -> list[Silence]:
    """Silences open alarms one by one until then: of one kind and cloud in one silence. What is
    over, or not known in the clouds that are open, is left out. Raises BadValue.
    """
    subjects: dict[tuple[str, str], list[str]] = {}
    rows = Alarm.objects.open().visible_to(actor.access).filter(pk__in=ids)
    for alarm in rows.order_by("kind", "cloud", "subject"):
        subjects.setdefault((alarm.kind, alarm.cloud_id), []).append(alarm.subject)
    silences = []
    with transaction.atomic():
        for (kind, cloud), of_both in subjects.items():
            for start in range(0, len(of_both), MOST_SUBJECTS):
                some = of_both[start : start + MOST_SUBJECTS]
                query = urlencode({"kind": kind, "cloud": cloud, "subject": some}, doseq=True)
                silences.append(begin(query, None, ends_at, reason or SNOOZED, actor=actor))
    return silences


def end(silence_id: int, *, actor: Actor) -> Silence:
    """Ends a silence now. One that is over stays as it is. Raises UnknownSilence."""
    with transaction.atomic():
        rows = Silence.objects.select_for_update(of=("self",), no_key=True)
        silence = rows.filter(pk=silence_id).first()
        if silence is None or not lies_in(silence.query, actor.access):
            raise UnknownSilence(f"No silence {silence_id} is known.")
        is_over = silence.ends_at is not None and silence.ends_at <= actor.now
        if silence.ended_at is not None or is_over:
            return silence
        silence.ended_at = actor.now
        silence.ended_by = actor.by
        silence.save(update_fields=["ended_at", "ended_by"])
        audit.note(
            Verb.SILENCE_END,
            ObjectKind.SILENCE,
            silence.pk,
            cloud=_only_cloud(silence.query),
            before=_in_words(silence),
            at=actor.now,
        )
        data_changed()
    return silence


def _checked_query(text: str, actor: Actor) -> str:
    """Returns the query as it is stored: what filters nothing is left out. Raises BadValue."""
    try:
        query = query_of(text.strip().removeprefix("?")).copy()
        query.pop("ordering", None)
        for key in list(query):
            if not any(value.strip() for value in query.getlist(key)):
                del query[key]
        checked = query.urlencode()
        matching(checked, actor.now)
    except InvalidQuery as e:
        raise BadValue("query", str(e)) from e
    if not lies_in(checked, actor.access):
        raise BadValue("query", _not_open(checked, actor.access))
    return checked


def _not_open(query: str, access: Access) -> str:
    for cloud in _clouds(query):
        if not access.opens(cloud):
            return f"“{cloud[:80]}” is no cloud that is known here."
    return "Choose a cloud: only some are open to you, and alarms of others stay theirs."


def _clouds(query: str) -> list[str]:
    return query_of(query).getlist("cloud")


def _only_cloud(query: str) -> str | None:
    """Returns the cloud of which the record says that it was done; None for several or all."""
    clouds = _clouds(query)
    return clouds[0] if len(clouds) == 1 else None


def _check_number(now: datetime) -> None:
    not_over = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
    if Silence.objects.filter(not_over, ended_at__isnull=True).count() >= MOST_AT_ONCE:
        raise BadValue(
            "query",
            f"{MOST_AT_ONCE} silences hold or are planned, which is as many as there may be: end "
            "some first, or mute by a tag or a filter.",
        )


def _check_span(begins_at: datetime, ends_at: datetime | None, now: datetime) -> None:
    for field, at in (("begins_at", begins_at), ("ends_at", ends_at)):
        if at is not None and abs(at - now) > FARTHEST:
            raise BadValue(field, "At most ten years from now.")
    if ends_at is None:
        return
    if ends_at <= begins_at:
        raise BadValue("ends_at", "It has to end after it begins.")
    if ends_at <= now:
        raise BadValue("ends_at", "It would be over already.")


def _recurrence(cron: str, duration: timedelta | None, zone: str | None) -> dict[str, object]:
    """Returns the columns of quiet hours. Raises BadValue."""
    if duration is None:
        raise BadValue("duration", "Say for how long it is quiet each time.")
    if not timedelta(minutes=1) <= duration <= LONGEST_QUIET:
        raise BadValue("duration", "From a minute to seven days.")
    try:
        checked = by_cron(cron=cron, zone=zone or "UTC", grace_seconds=0)
    except BadRule as e:
        raise BadValue(e.field, str(e)) from e
    return {
        "cron": checked.cron,
        "duration_seconds": int(duration.total_seconds()),
        "zone": checked.zone,
    }


def _in_words(silence: Silence) -> dict[str, object]:
    words: dict[str, object] = {
        "query": silence.query,
        "reason": silence.reason,
        "begins_at": silence.begins_at,
        "ends_at": silence.ends_at,
    }
    if silence.cron is not None:
        words["cron"] = silence.cron
        words["duration_seconds"] = silence.duration_seconds
        words["zone"] = zones.in_words(silence.zone or "UTC")
    return words
