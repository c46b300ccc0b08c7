"""When a policy promises to run, by either of the two calendars of backup services. Pure.

CBR writes patterns of RFC 2445, in UTC (API.md §12): dateutil reckons them from the day and time of
`start_time`, which the service calls the start of the policy. VBS writes hours of UTC, and days
that are local to the policy's time zone: weekdays, or every n days counted from the first of each
month.

What is written in a way that cannot be relied on is refused with a sentence; nothing is guessed.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Final, Protocol

from dateutil.rrule import rrule, rrulestr

from backups.analysis import zones

MOST_PATTERNS: Final = 24
# Of all patterns together. Windows of runs open five minutes before their slots, so that closer
# ones could not be told apart.
MOST_TIMES_A_DAY: Final = 96
MOST_DAYS_BETWEEN: Final = 30  # of VBS's "every n days"
# So far ahead a next run is looked for. A pattern that has none by then counts as one without any.
HORIZON: Final = timedelta(days=3660)
_MOST_INTERVAL: Final = {"DAILY": 366, "WEEKLY": 53, "MONTHLY": 12}  # about a year
_DAYS_OF: Final = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31}
_LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_UNIT_NAMES: Final = {"DAILY": "days", "WEEKLY": "weeks", "MONTHLY": "months"}
_LONGEST_PATTERN: Final = 500  # characters
_MOST_ITEMS: Final = 200  # of a list of hours or weekdays, repeated ones among them
_PARTS: Final = frozenset({"FREQ", "INTERVAL", "BYDAY", "BYHOUR", "BYMINUTE", "BYMONTHDAY", "WKST"})
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_DAILY: Final = "daily"
# Gaps are measured over months of each length, February of a leap year and changes of clocks among
# them.
_GAPS_FROM: Final = datetime(2027, 1, 1, tzinfo=UTC)
_GAP_DAYS: Final = timedelta(days=800)
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAYS_OF_VBS: Final = {day[:3].upper(): number for number, day in enumerate(_WEEKDAYS)}
_WEEKDAYS_OF_RRULE: Final = {day[:2].upper(): number for number, day in enumerate(_WEEKDAYS)}
_TIME: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,4}", re.ASCII)
_MONTH_DAY: Final = re.compile(r"-?[0-9]{1,2}", re.ASCII)
_NTH_WEEKDAY: Final = re.compile(r"([+-]?[1-5])(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


class UnreadableSchedule(ValueError):
    """The text is a sentence for a person."""


class Schedule(Protocol):
    """The times at which a policy promises to run; all are whole minutes, aware, in UTC."""

    def next_after(self, moment: datetime) -> datetime | None:
        """Returns the next one strictly after the moment; None when none comes for ten years."""

    def slots(self, begin: datetime, end: datetime) -> list[datetime]:
        """Returns those from `begin` on and before `end`, in order, each once."""

    @property
    def when(self) -> str:
        """Returns when it runs, as a part of a sentence: "daily at 22:00 UTC"."""

    @property
    def longest_gap(self) -> timedelta | None:
        """Returns the longest time between two runs; None where there are no two."""

    @property
    def is_reckoned(self) -> bool:
        """Returns whether the days are our inference, as the cloud does not say where its count
        begins: to be shown as "by our reckoning" until one run was seen.
        """


def read(spec: Mapping[str, object]) -> Schedule:
    """Returns the schedule that a policy's `schedule` writes down. Raises UnreadableSchedule."""
    calendar = spec.get("calendar")
    if calendar == "vbs":
        return _read_vbs(spec)
    if calendar == "rrule":
        return _read_rrule(spec)
    raise UnreadableSchedule("The cloud does not say when this policy runs.")


# --- VBS ---


@dataclass(frozen=True)
class VbsSchedule:
    """`times` of UTC, in the order in which they come on a local day. `every`: days from the first
    of the month, None where `weekdays` say which days (Monday is 0).

    `zone` None: the cloud did not say which one its days are of, so they are taken as days of UTC.
    """

    times: tuple[time, ...]
    every: int | None
    weekdays: frozenset[int]
    zone: tzinfo | None
    zone_words: str

    def next_after(self, moment: datetime) -> datetime | None:
        # The longest gap is of a month and a day.
        for days in range(-1, 64):
            day = moment.astimezone(UTC).date() + timedelta(days=days)
            later = [slot for slot in self._slots_of(day) if slot > moment]
            if later:
                return min(later)
        return None

    def slots(self, begin: datetime, end: datetime) -> list[datetime]:
        return list(_vbs_slots(self, begin, end))

    @property
    def when(self) -> str:
        at = f"at {_listed([_clock(at) for at in self.times])} UTC"
        if self._is_daily:
            return f"{_DAILY} {at}"
        if self.every is not None:
            return f"every {self.every} days from the first of the month{self._of_zone} {at}"
        names = [_WEEKDAYS[number] for number in sorted(self.weekdays)]
        return f"on {_listed(names)}{self._of_zone} {at}"

    @property
    def longest_gap(self) -> timedelta | None:
        if self._is_daily:
            return _longest([*self.slots(_GAPS_FROM, _GAPS_FROM + 2 * _DAY)])
        return _longest_gap(self)

    @property
    def is_reckoned(self) -> bool:
        return self.zone is None and not self._is_daily

    @property
    def _is_daily(self) -> bool:
        return self.every == 1 or (self.every is None and len(self.weekdays) == len(_WEEKDAYS))

    @property
    def _of_zone(self) -> str:
        return f" ({self.zone_words})" if self.zone_words else ""

    def _slots_of(self, day: date) -> list[datetime]:
        """Returns the slots of a day of UTC, of which some are local to another day."""
        slots = []
        for at in self.times:
            slot = datetime.combine(day, at, UTC)
            if self._is_daily or self._runs_on(slot.astimezone(self.zone or UTC).date()):
                slots.append(slot)
        return slots

    def _runs_on(self, local_day: date) -> bool:
        if self.every is not None:
            return (local_day.day - 1) % self.every == 0
        return local_day.weekday() in self.weekdays


@lru_cache(maxsize=512)
def _vbs_slots(schedule: VbsSchedule, begin: datetime, end: datetime) -> tuple[datetime, ...]:
    day = begin.astimezone(UTC).date()
    last_day = end.astimezone(UTC).date()
    slots: list[datetime] = []
    while day <= last_day:
        slots += [slot for slot in schedule._slots_of(day) if begin <= slot < end]
        day += _DAY
    return tuple(sorted(slots))


def _read_vbs(spec: Mapping[str, object]) -> VbsSchedule:
    """Reads hours, days and zone. `frequency` wins over weekdays (API.md §12).

    The service takes full hours only. A time with minutes is all the same read as it is written: it
    names one instant, and refusing it would leave a policy unjudged that runs.
    """
    times = _times_of(spec.get("hours"))
    frequency = spec.get("frequency")
    every: int | None = None
    weekdays: frozenset[int] = frozenset()
    if frequency is not None:
        every = _whole(frequency, "frequency", least=1, most=MOST_DAYS_BETWEEN)
    else:
        weekdays = _weekdays_of(spec.get("weekdays"))
    zone: tzinfo | None = None
    zone_words = ""
    name = spec.get("time_zone")
    is_needed = every != 1 and len(weekdays) < len(_WEEKDAYS)
    if is_needed and name is not None and name != "":
        zone = _zone_of(name)
        zone_words = zones.told_in_words(str(name))
    return VbsSchedule(
        times=_local_order(times, zone),
        every=every,
        weekdays=weekdays,
        zone=zone,
        zone_words=zone_words,
    )


def _times_of(written: object) -> list[time]:
    """Reads `22:00`, a list of such, or a text with commas."""
    texts = _texts(written, "hours")
    if not texts:
        raise UnreadableSchedule("The cloud does not say at which hours this policy runs.")
    times: set[time] = set()
    for text in texts:
        match = _TIME.fullmatch(text)
        if match is None or int(match[1]) > 23 or int(match[2]) > 59:
            raise UnreadableSchedule(f"{_quoted(text)} is no time of the day.")
        times.add(time(int(match[1]), int(match[2])))
    if len(times) > MOST_TIMES_A_DAY:
        raise UnreadableSchedule(_too_often(len(times)))
    return sorted(times)


def _weekdays_of(written: object) -> frozenset[int]:
    texts = _texts(written, "weekdays")
    if not texts:
        raise UnreadableSchedule("The cloud does not say on which days this policy runs.")
    weekdays: set[int] = set()
    for text in texts:
        number = _WEEKDAYS_OF_VBS.get(text.upper())
        if number is None:
            raise UnreadableSchedule(f"{_quoted(text)} is no weekday.")
        weekdays.add(number)
    return frozenset(weekdays)


def _zone_of(name: object) -> tzinfo:
    zone = zones.zone_told(name) if isinstance(name, str) else None
    if zone is None:
        raise UnreadableSchedule(
            f"Its days are local to the time zone {_quoted(name)}, which is not known here."
        )
    return zone


def _local_order(times: Sequence[time], zone: tzinfo | None) -> tuple[time, ...]:
    """Sorts times of UTC as they come on a local day."""
    if zone is None:
        return tuple(times)

    def local(at: time) -> time:
        return datetime.combine(_GAPS_FROM.date(), at, UTC).astimezone(zone).time()

    return tuple(sorted(times, key=local))


# --- CBR ---


@dataclass(frozen=True)
class Pattern:
    """One pattern. `unit`: FREQ; `days` says on which days, as a part of a sentence."""

    text: str
    unit: str
    interval: int
    times: tuple[time, ...]
    days: str
    needs_start: bool  # its days or its time of the day follow from where the count begins


@dataclass(frozen=True)
class RruleSchedule:
    """Patterns that hold together. `start`: where counts begin; nothing is promised before it.
    None: the cloud does not say, and no pattern asks for it.
    """

    patterns: tuple[Pattern, ...]
    start: datetime | None

    def next_after(self, moment: datetime) -> datetime | None:
        # Nothing comes before the start; at the start itself there may be the first one.
        if self.start is not None:
            moment = max(moment, self.start - timedelta(minutes=1))
        nexts = []
        for pattern in self.patterns:
            after = self._next_of(pattern, moment)
            if after is not None:
                nexts.append(after)
        return min(nexts, default=None)

    def slots(self, begin: datetime, end: datetime) -> list[datetime]:
        return list(_rrule_slots(self, begin, end))

    @property
    def when(self) -> str:
        times_of: dict[str, set[time]] = {}
        for pattern in self.patterns:
            times_of.setdefault(pattern.days, set()).update(pattern.times)
        parts = []
        for days, times in times_of.items():
            parts.append(f"{days} at {_listed([_clock(at) for at in sorted(times)])} UTC")
        return _listed(parts)

    @property
    def longest_gap(self) -> timedelta | None:
        return _longest_gap(self)

    @property
    def is_reckoned(self) -> bool:
        return any(pattern.needs_start for pattern in self.patterns)

    def _rule(self, pattern: Pattern, moment: datetime, until: datetime) -> rrule:
        """Returns a pattern's rule, its count moved forward by whole intervals to shortly before
        the moment, and ended: dateutil walks from its begin, and without an end for 8,000 years.
        """
        day = moment.astimezone(UTC).date()
        begin = day - _DAY if self.start is None else _moved(self.start.date(), day, pattern)
        rule = rrulestr(pattern.text, dtstart=datetime.combine(begin, time()))
        return rule.replace(until=_naive(until))

    def _next_of(self, pattern: Pattern, moment: datetime) -> datetime | None:
        until = moment + HORIZON
        after = self._rule(pattern, moment, until).after(_naive(moment))
        return None if after is None else after.replace(tzinfo=UTC)


@lru_cache(maxsize=512)
def _rrule_slots(schedule: RruleSchedule, begin: datetime, end: datetime) -> tuple[datetime, ...]:
    if schedule.start is not None:
        begin = max(begin, schedule.start)
    slots: set[datetime] = set()
    if begin >= end:
        return ()
    for pattern in schedule.patterns:
        rule = schedule._rule(pattern, begin, end)
        for hit in rule.between(_naive(begin), _naive(end), inc=True):
            slots.add(hit.replace(tzinfo=UTC))
    slots.discard(end)
    return tuple(sorted(slots))


def _moved(start: date, day: date, pattern: Pattern) -> date:
    """Returns the begin of an interval of this count that lies before the day."""
    if pattern.unit == "MONTHLY":
        months = (day.year - start.year) * 12 + day.month - start.month
        intervals = max(0, months // pattern.interval - 1)
        year, month = divmod(start.year * 12 + start.month - 1 + intervals * pattern.interval, 12)
        return date(year, month + 1, 1)
    length = pattern.interval * _DAYS_OF[pattern.unit]
    intervals = max(0, (day - start).days // length - 1)
    return start + timedelta(days=intervals * length)


def _read_rrule(spec: Mapping[str, object]) -> RruleSchedule:
    texts = spec.get("patterns")
    if texts is None or texts == []:
        raise UnreadableSchedule("The cloud does not say when this policy runs: it has no pattern.")
    if not isinstance(texts, (list, tuple)):
        raise UnreadableSchedule(f"patterns is {_quoted(texts)}, which is no list.")
    if len(texts) > MOST_PATTERNS:
        raise UnreadableSchedule(
            f"It has {len(texts)} patterns; a policy may have {MOST_PATTERNS} of them."
        )
    start = _start_of(spec.get("start_time"))
    patterns = tuple(_pattern_of(text, start) for text in dict.fromkeys(map(_pattern_text, texts)))
    times_a_day = sum(len(pattern.times) for pattern in patterns)
    if times_a_day > MOST_TIMES_A_DAY:
        raise UnreadableSchedule(_too_often(times_a_day))
    schedule = RruleSchedule(patterns, start)
    if schedule.next_after(start or _GAPS_FROM) is None:
        raise UnreadableSchedule("Its patterns do not come up for ten years.")
    return schedule


def _start_of(written: object) -> datetime | None:
    """Reads `start_time`; without a zone it is of UTC (API.md §12). Its seconds count nowhere, or
    every run would be promised at them.
    """
    if written is None or written == "":
        return None
    refusal = f"Its start_time {_quoted(written)} is no time."
    if not isinstance(written, str):
        raise UnreadableSchedule(refusal)
    try:
        start = datetime.fromisoformat(written.strip())
        start = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableSchedule(refusal) from None
    if not _EARLIEST <= start < _LATEST:
        raise UnreadableSchedule(f"Its start_time {_quoted(written)} cannot be true.")
    return start.replace(second=0, microsecond=0)


def _pattern_text(written: object) -> str:
    if not isinstance(written, str) or len(written) > _LONGEST_PATTERN:
        raise UnreadableSchedule(f"Its pattern {_quoted(written)} cannot be read.")
    return written.strip().removesuffix(";").upper()


def _pattern_of(text: str, start: datetime | None) -> Pattern:
    """Reads a pattern, and writes it anew with all that it leaves to where its count begins."""
    parts = _parts_of(text)
    unit = parts["FREQ"]
    interval = 1
    if "INTERVAL" in parts:
        interval = _whole(parts["INTERVAL"], "INTERVAL", least=1, most=_MOST_INTERVAL[unit])
    if "BYMONTHDAY" in parts and (unit != "MONTHLY" or "BYDAY" in parts):
        raise UnreadableSchedule(
            f"Its pattern {_quoted(text)} has days of the month beside other days."
        )
    is_of_weekday = unit == "WEEKLY" and "BYDAY" not in parts
    is_of_month_day = unit == "MONTHLY" and "BYDAY" not in parts and "BYMONTHDAY" not in parts
    needs_start = (
        interval > 1
        or is_of_weekday
        or is_of_month_day
        or "BYHOUR" not in parts
        or "BYMINUTE" not in parts
    )
    if start is None:
        if needs_start:
            raise UnreadableSchedule(
                f"Its pattern {_quoted(text)} counts from a start that the cloud does not say."
            )
    else:
        parts.setdefault("BYHOUR", str(start.hour))
        parts.setdefault("BYMINUTE", str(start.minute))
        if is_of_weekday:
            parts["BYDAY"] = tuple(_WEEKDAYS_OF_RRULE)[start.weekday()]
        if is_of_month_day:
            parts["BYMONTHDAY"] = str(start.day)
    times = _times_of_pattern(parts)
    days = _days_of_pattern(parts, unit, interval, start)
    if start is not None and not _comes_up(parts, interval, start):
        raise UnreadableSchedule(f"Its pattern {_quoted(text)} never comes up.")
    canonical = ";".join(f"{key}={value}" for key, value in parts.items()) + ";BYSECOND=0"
    try:
        rrulestr(canonical, dtstart=datetime.combine(_GAPS_FROM.date(), time()))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError):
        raise UnreadableSchedule(f"Its pattern {_quoted(text)} cannot be read.") from None
    return Pattern(canonical, unit, interval, times, days, needs_start)


def _comes_up(parts: Mapping[str, str], interval: int, start: datetime) -> bool:
    """Tells whether a checked pattern ever comes up: of one that does not dateutil walks through
    all years that there are, as it looks at the end only when a day fits.
    """
    if parts["FREQ"] == "DAILY" and interval % 7 == 0 and "BYDAY" in parts:
        # All its days are of one weekday.
        return tuple(_WEEKDAYS_OF_RRULE)[start.weekday()] in parts["BYDAY"].split(",")
    if "BYMONTHDAY" in parts:
        least = min(abs(int(day)) for day in parts["BYMONTHDAY"].split(","))
        months = range(start.month - 1, start.month - 1 + 12 * interval, interval)
        return any(_LONGEST_MONTHS[month % 12] >= least for month in months)
    return True


def _parts_of(text: str) -> dict[str, str]:
    """Splits `KEY=VALUE;…`; each key that is not known here is refused, as it would change what
    the others mean.
    """
    parts: dict[str, str] = {}
    for part in text.split(";"):
        key, equals, value = part.partition("=")
        key = key.strip()
        if not equals or not value.strip() or key in parts:
            raise UnreadableSchedule(f"Its pattern {_quoted(text)} cannot be read.")
        if key not in _PARTS:
            raise UnreadableSchedule(f"Its pattern holds {_quoted(key)}, which is not read here.")
        parts[key] = value.replace(" ", "")
    if parts.get("FREQ") not in _MOST_INTERVAL:
        raise UnreadableSchedule(
            f"Its pattern {_quoted(text)} has another FREQ than DAILY, WEEKLY or MONTHLY."
        )
    return parts


def _times_of_pattern(parts: Mapping[str, str]) -> tuple[time, ...]:
    hours = _numbers(parts["BYHOUR"], "BYHOUR", most=23)
    minutes = _numbers(parts["BYMINUTE"], "BYMINUTE", most=59)
    if len(hours) * len(minutes) > MOST_TIMES_A_DAY:
        raise UnreadableSchedule(_too_often(len(hours) * len(minutes)))
    times = []
    for hour in hours:
        times += [time(hour, minute) for minute in minutes]
    return tuple(times)


def _numbers(text: str, key: str, *, most: int) -> list[int]:
    numbers = {_whole(number, key, least=0, most=most) for number in text.split(",")}
    return sorted(numbers)


def _days_of_pattern(
    parts: Mapping[str, str], unit: str, interval: int, start: datetime | None
) -> str:
    """Checks the days of a pattern, and returns them as a part of a sentence."""
    on = []
    if "BYDAY" in parts:
        names = _weekday_names(parts["BYDAY"], may_count=unit == "MONTHLY")
        if len(names) < len(_WEEKDAYS):
            on.append(f"on {_listed(names)}")
        elif unit == "WEEKLY" and interval == 1:
            unit = "DAILY"
    if "BYMONTHDAY" in parts:
        month_days = parts["BYMONTHDAY"].split(",")
        for month_day in month_days:
            if not _MONTH_DAY.fullmatch(month_day) or not 1 <= abs(int(month_day)) <= 31:
                raise UnreadableSchedule(f"BYMONTHDAY {_quoted(month_day)} is no day of a month.")
        on.append(f"on day {_listed(month_days)} of the month")
    if interval == 1:
        return " ".join(on) or _DAILY
    since = "" if start is None else f" from {start:%Y-%m-%d}"
    return " ".join([f"every {interval} {_UNIT_NAMES[unit]}{since}", *on])


def _weekday_names(text: str, *, may_count: bool) -> list[str]:
    """Reads `MO,TU`; where they may be counted within a month, `1MO` and `-1FR` too."""
    plain: set[int] = set()
    counted: list[str] = []
    for name in text.split(","):
        nth = _NTH_WEEKDAY.fullmatch(name)
        if name in _WEEKDAYS_OF_RRULE:
            plain.add(_WEEKDAYS_OF_RRULE[name])
        elif nth is not None and may_count:
            counted.append(f"{_WEEKDAYS[_WEEKDAYS_OF_RRULE[nth[2]]]} number {int(nth[1])}")
        else:
            raise UnreadableSchedule(f"BYDAY {_quoted(name)} is no weekday.")
    return [*(_WEEKDAYS[number] for number in sorted(plain)), *counted]


# --- both ---


@lru_cache(maxsize=512)
def _longest_gap(schedule: VbsSchedule | RruleSchedule) -> timedelta | None:
    begin = _GAPS_FROM
    length = _GAP_DAYS
    if isinstance(schedule, RruleSchedule):
        begin = max(begin, schedule.start or begin)
        is_weekly = True
        for pattern in schedule.patterns:
            days = pattern.interval * _DAYS_OF[pattern.unit]
            length = max(length, 16 * timedelta(days=days))
            is_weekly = is_weekly and pattern.interval == 1 and "MONTH" not in pattern.text
        if is_weekly:
            length = 15 * _DAY
    return _longest(schedule.slots(begin, begin + length))


def _longest(slots: Iterable[datetime]) -> timedelta | None:
    return max((after - before for before, after in pairwise(slots)), default=None)


def _texts(written: object, key: str) -> list[str]:
    """Returns the texts of a list, or of a text with commas; none for null and blanks."""
    if written is None:
        return []
    items = written.split(",") if isinstance(written, str) else written
    if not isinstance(items, (list, tuple)) or len(items) > _MOST_ITEMS:
        raise UnreadableSchedule(f"{key} is {_quoted(written)}, which is no list of texts.")
    texts = []
    for item in items:
        if not isinstance(item, str):
            raise UnreadableSchedule(f"{key} holds {_quoted(item)}, which is no text.")
        texts.append(item.strip())
    return texts if any(texts) else []


def _whole(written: object, key: str, *, least: int, most: int) -> int:
    """Reads a whole number, or a text of one."""
    number: int | None = None
    if isinstance(written, int) and not isinstance(written, bool):
        number = written
    elif isinstance(written, str) and _WHOLE.fullmatch(written.strip()):
        number = int(written)
    if number is None or not least <= number <= most:
        raise UnreadableSchedule(
            f"{key} is {_quoted(written)}: only a whole number from {least} to {most} can be read."
        )
    return number


def _too_often(times: int) -> str:
    return f"It would run {times} times a day; more than {MOST_TIMES_A_DAY} are not reckoned."


def _naive(moment: datetime) -> datetime:
    """Returns a time of UTC as dateutil takes it; aware ones would be compared much slower."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _clock(at: time) -> str:
    return f"{at:%H:%M}"


def _listed(texts: Sequence[str]) -> str:
    """Writes "a, b and c"."""
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _quoted(value: object) -> str:
    """Quotes what was written, short."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"
