"""When a backup was due and none came: one rule, for the outcomes by day and for the grid of
volumes and days.

By the rule of its volume one is due a period (or at a cron time) after the last good one. It is
missed when its grace has run out and nothing good came within it. A day is missed once, and only
when nothing was made on it, good or not: else the day has its state. A gap from before the volume
was known here proves nothing, unless it lasts: backups that were there may have been pruned.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from itertools import zip_longest
from typing import NamedTuple

from backups.analysis.calendar import midnight
from backups.analysis.facts import SKEW, Made, was_good
from backups.analysis.rules import Rule

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class Missed(NamedTuple):
    """It was `due` then and counts as missed from `over` on, when its grace has run out."""

    due: datetime
    over: datetime


def missed(
    backups: Iterable[Made],
    rule: Rule,
    *,
    since: datetime,
    zone: tzinfo,
    begin: datetime,
    end: datetime,
    now: datetime,
) -> Iterator[Missed]:
    """Yields of one volume, by days of `zone`, what is due from `begin` on and over by `end`, which
    may lie in the future.

    `since`: when the volume was first seen; what is asked of it begins with its first backup, if
    that was earlier.
    """
    first = since
    good_at: set[datetime] = set()
    days_with_backups: set[date] = set()
    latest_believed = now + SKEW  # a time further in the future cannot be believed
    for backup in backups:
        if backup.at > latest_believed:
            continue
        first = min(first, backup.at)
        days_with_backups.add(backup.at.astimezone(zone).date())
        if was_good(backup):
            good_at.add(backup.at)
    last_good_at = max(good_at, default=None)
    # From then on nothing can have been made.
    future = midnight(latest_believed.astimezone(zone).date() + _DAY, zone)
    starts = sorted({first, *good_at})
    for before, after in zip_longest(starts, starts[1:]):
        if after is not None and (after < begin or after - before <= rule.grace):
            continue
        for due in _dues(rule, before, max(begin, before), zone):
            over = due + rule.grace
            if over > end or (after is not None and over >= after):
                break
            if due < future:
                day = due.astimezone(zone).date()
                if day in days_with_backups:
                    continue
                # Its backups may have been pruned before the volume was known here.
                if before != last_good_at and midnight(day + _DAY, zone) <= since:
                    continue
            yield Missed(due, over)


def _dues(rule: Rule, last: datetime, begin: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yields the first due of each day from `begin` on, without end, when the last good backup was
    made at `last`.
    """
    if rule.period >= _DAY:
        if rule.cron is not None:
            yield from _first_of_days(rule.times_after(max(last, begin - _SECOND)), zone)
        passed = max(0, -((last - begin) // rule.period) - 1)
        # A day of 25 hours may bring its second as well.
        yield from rule.times_after(last + rule.period * passed)
    at = begin
    while True:
        if rule.cron is not None:
            due = rule.late_at(max(last, at - _SECOND))
        else:
            due = last + rule.period * max(1, -((last - at) // rule.period))
        yield due
        at = midnight(due.astimezone(zone).date() + _DAY, zone)


def _first_of_days(dues: Iterator[datetime], zone: tzinfo) -> Iterator[datetime]:
    before = None
    for due in dues:
        day = due.astimezone(zone).date()
        if day != before:
            yield due
        before = day
