"""Which backups of a volume its policy deletes next. Pure.

A deletion that is reckoned is expected: a changed rule applies to old backups in some directions
only (API.md §12). Where the cloud names the day itself, `expired_at`, that is the fact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from backups.analysis.schedule import Schedule
from backups.vbs.policies import Retention

# No limit that is reckoned with is further away, and a run is at least five minutes from the next.
_LONGEST_DAYS: Final = 400
_MOST_DAYS: Final = 99_999  # the most that a cloud takes
# Numbers of a year with months of each length.
_COUNTED_FROM: Final = datetime(2027, 1, 1, tzinfo=UTC)


class KeptBackup(NamedTuple):
    """A backup that is there. `by_policy`: this policy made it; one made by hand never expires.
    `expired_at`: when the cloud itself says that it goes.
    """

    id: str
    at: datetime
    by_policy: bool
    expired_at: datetime | None = None


class Going(NamedTuple):
    """A backup that is deleted at a time: `is_fact` where the cloud says it, else expected."""

    id: str
    made_at: datetime
    goes_at: datetime
    is_fact: bool


def from_json(values: Mapping[str, Any]) -> Retention:
    """Returns the retention that a policy's row holds; what it does not hold is not by this."""
    known = {field.name for field in fields(Retention)}
    return Retention(**{key: value for key, value in values.items() if key in known})


def has_advanced_rules(retention: Retention) -> bool:
    """Returns whether some are kept by day, week, month or year: which these are, only the cloud
    knows.
    """
    return any((retention.per_day, retention.per_week, retention.per_month, retention.per_year))


def to_go(retention: Retention, backups: Sequence[KeptBackup], *, at: datetime) -> list[Going]:
    """Returns which backups of one volume go when the next run is made, `at`; where none goes by
    then but the day of the next is known, that one. In order of time.
    """
    going = _reckoned(retention, backups, at)
    for backup in backups:
        if backup.expired_at is not None:
            going.append(Going(backup.id, backup.at, backup.expired_at, is_fact=True))
    going.sort(key=lambda each: (each.goes_at, each.made_at))
    by_then = [each for each in going if each.goes_at <= at]
    return by_then or going[:1]


def in_words(retention: Retention, backups: Sequence[KeptBackup], *, at: datetime) -> str:
    """Says which backups go next, and by which rule; `at`: when the next run is made."""
    rule = rule_in_words(retention)
    going = to_go(retention, backups, at=at)
    if not going:
        if not _is_reckoned(retention):
            return rule
        own = sum(1 for backup in backups if backup.by_policy)
        return f"{rule} With the next run there are {own + 1}, and none goes."
    first = going[0]
    made = f"the backup of {_time(first.made_at)}"
    if len(going) > 1:
        made = f"{len(going)} backups, the oldest of {_time(first.made_at)},"
    goes = "is deleted" if len(going) == 1 else "are deleted"
    if first.is_fact:
        return f"{_capital(made)} {goes} on {_time(first.goes_at)}, as the cloud says."
    return f"{rule} {_capital(made)} {goes} next, expected on {_time(first.goes_at)}."


def rule_in_words(retention: Retention) -> str:
    """Says in a sentence how many backups of a disk are kept, and for how long."""
    if has_advanced_rules(retention):
        return "Backups are kept by the cloud's advanced rules, which are not reckoned here."
    beside = ""
    if retention.keep_first_of_month:
        beside = ", and beside them the first of each month"
    if retention.count is not None:
        backups = "backup is" if retention.count == 1 else f"{retention.count} backups are"
        return f"The newest {backups} kept{beside}."
    if retention.days is not None:
        days = "a day" if retention.days == 1 else f"{retention.days} days"
        return f"Backups are kept for {days}{beside}."
    if retention.forever:
        return "Backups are kept until somebody deletes them."
    return "The cloud does not say how long backups are kept."


def most_kept(retention: Retention, schedule: Schedule | None) -> int | None:
    """Returns how many backups of a volume a policy comes to keep; None where there is no end, or
    it cannot be reckoned. The first of each month is beside them.
    """
    if has_advanced_rules(retention):
        return None
    if retention.count is not None:
        return retention.count
    if retention.days is None or schedule is None or not 0 < retention.days <= _LONGEST_DAYS:
        return None
    length = timedelta(days=retention.days)
    begin = schedule.next_after(_COUNTED_FROM)
    if begin is None:
        return None
    slots = schedule.slots(begin, begin + length + timedelta(days=_LONGEST_DAYS))
    most = 0
    oldest = 0
    for place, slot in enumerate(slots):
        while slots[oldest] <= slot - length:
            oldest += 1
        most = max(most, place - oldest + 1)
    return most or None


def _is_reckoned(retention: Retention) -> bool:
    # Rows of before may hold more days than a calendar has.
    has_days = retention.days is not None and retention.days <= _MOST_DAYS
    is_by_rule = retention.count is not None or has_days
    return is_by_rule and not has_advanced_rules(retention)


def _reckoned(retention: Retention, backups: Sequence[KeptBackup], at: datetime) -> list[Going]:
    """Returns what goes by the rule. The count wins over the days (API.md §12)."""
    if not _is_reckoned(retention):
        return []
    own = [backup for backup in backups if backup.by_policy]
    own.append(KeptBackup("", at, by_policy=True))
    own.sort(key=lambda backup: backup.at)
    if retention.keep_first_of_month:
        own = _without_first_of_months(own)
    goes_at = None
    length = timedelta(days=0 if retention.count is not None else retention.days or 0)
    if retention.count is not None:
        own = own[: max(0, len(own) - retention.count)]
        goes_at = at
    going = []
    for backup in own:
        # Of what the cloud says itself nothing is reckoned; it counts among the kept all the same.
        if backup.expired_at is not None or not backup.id:
            continue
        going.append(Going(backup.id, backup.at, goes_at or backup.at + length, is_fact=False))
    return going


def _without_first_of_months(own: Sequence[KeptBackup]) -> list[KeptBackup]:
    """Leaves out the first backup of each month of UTC."""
    months: set[tuple[int, int]] = set()
    others = []
    for backup in own:
        day = backup.at.astimezone(UTC)
        month = (day.year, day.month)
        if month in months:
            others.append(backup)
        months.add(month)
    return others


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
