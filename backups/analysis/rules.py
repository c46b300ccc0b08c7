"""How often a disk should be backed up: a period or a cron expression, and a grace; the nearest
rule is in force.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

Origin = Literal["disk", "tag", "cloud", "default"]
LEAST_PERIOD, MOST = timedelta(minutes=1), timedelta(days=3660)
_A_FRIDAY = datetime(2027, 1, 1, tzinfo=UTC)  # gaps are measured from here, over a weekend at once
_GAP_DAYS, _GAP_STEPS = 400, 2000


class BadRule(ValueError):
    """`word` is the field at fault; the text is a sentence for a person."""

    def __init__(self, word: str, sentence: str) -> None:
        super().__init__(sentence)
        self.word = word


class RuleRow(Protocol):
    """A row with the columns of a rule; all are None where it has none of its own."""

    rule_period_seconds: int | None
    rule_grace_seconds: int | None
    rule_cron: str | None
    rule_zone: str | None


@dataclass(frozen=True)
class Rule:
    """`period`: by `cron`, when there is one, its longest gap. Late after the period, overdue after
    grace.
    """

    period: timedelta
    grace: timedelta
    cron: str | None = None
    zone: str = "UTC"

    @classmethod
    def from_columns(cls, row: RuleRow) -> "Rule | None":
        """Returns the rule that a row was given, None when it has none of its own."""
        if row.rule_period_seconds is None:
            return None
        return cls(
            period=timedelta(seconds=row.rule_period_seconds),
            grace=timedelta(seconds=row.rule_grace_seconds or 0),
            cron=row.rule_cron,
            zone=row.rule_zone or "UTC",
        )

    def columns(self, prefix: str = "rule") -> dict[str, int | str | None]:
        """Returns the columns that hold this rule; `prefix` is "effective" on a volume's row."""
        return {
            f"{prefix}_period_seconds": int(self.period.total_seconds()),
            f"{prefix}_grace_seconds": int(self.grace.total_seconds()),
            f"{prefix}_cron": self.cron,
            f"{prefix}_zone": self.zone if self.cron else None,
        }

    def late_at(self, moment: datetime) -> datetime:
        """When the next backup should be there: a period after the last, or at cron's next time
        after it, in UTC.
        """
        if self.cron is None:
            return moment + self.period
        return next(CronSim(self.cron, moment.astimezone(ZoneInfo(self.zone)))).astimezone(UTC)

    def times_after(self, moment: datetime) -> Iterator[datetime]:
        """When one backup after the other should be there, were none of them made; without end."""
        if self.cron is None:
            while True:
                moment += self.period
                yield moment
        for at in CronSim(self.cron, moment.astimezone(ZoneInfo(self.zone))):
            yield at.astimezone(UTC)

    @property
    def sentence(self) -> str:
        when = (
            f"every {span(self.period)}"
            if self.cron is None
            else f"by cron “{self.cron}” in {self.zone}"
        )
        return f"A backup is expected {when}, with {span(self.grace)} of grace."


@dataclass(frozen=True)
class InForce:
    """`tag` is the tag that brought the rule, when one did."""

    rule: Rule
    origin: Origin
    tag: str | None = None

    @property
    def source(self) -> str:
        """Where the rule comes from, as the end of a sentence."""
        told = {"disk": "set for this disk", "cloud": "set for its cloud", "default": "the default"}
        return told.get(self.origin) or f"set for the tag “{self.tag}”"


DEFAULT = Rule(timedelta(hours=24), timedelta(hours=2))


def by_period(*, period_seconds: int, grace_seconds: int) -> Rule:
    """A checked rule of a period. Raises BadRule."""
    period = _span("period_seconds", period_seconds, least=LEAST_PERIOD)
    return Rule(period, _span("grace_seconds", grace_seconds))


def by_cron(*, cron: str, zone: str, grace_seconds: int) -> Rule:
    """A checked rule of a five-field cron expression. Raises BadRule."""
    grace = _span("grace_seconds", grace_seconds)
    text = " ".join(cron.split())
    if len(text) > 100 or len(text.split(" ")) != 5:
        raise BadRule(
            "cron", "A cron expression has five fields: minute, hour, day, month, weekday."
        )
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):  # no such key, no such file, a path, a folder
        raise BadRule(
            "zone", f"{zone[:60]!r} is no time zone: write a name such as Europe/Berlin."
        ) from None
    try:
        return Rule(_longest_gap(text), grace, text, zone)
    except CronSimError as e:
        raise BadRule("cron", f"The cron expression cannot be read: {e}.") from None
    except StopIteration:
        raise BadRule("cron", "This cron expression never comes up.") from None


def nearest(*, volume: Rule | None, tags: Mapping[str, Rule], cloud: Rule | None) -> InForce:
    """Disk, then the strictest of its tags (the shortest period with its grace), then cloud, then
    the default.
    """
    if volume is not None:
        return InForce(volume, "disk")
    if tags:
        tag = min(
            tags, key=lambda name: (tags[name].period + tags[name].grace, tags[name].period, name)
        )
        return InForce(tags[tag], "tag", tag)
    return InForce(cloud, "cloud") if cloud is not None else InForce(DEFAULT, "default")


def span(length: timedelta) -> str:
    """A length in words, in at most two units: "1 day 2 h", "90 s"."""
    seconds = int(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    left, parts = seconds, []
    for unit, size in (("day", 86_400), ("h", 3600), ("min", 60)):
        n, left = divmod(left, size)
        if n:
            parts.append(f"{n} {unit}{'s' if unit == 'day' and n > 1 else ''}")
    return " ".join(parts[:2])


def _span(word: str, seconds: int, *, least: timedelta = timedelta(0)) -> timedelta:
    if not least.total_seconds() <= seconds <= MOST.total_seconds():
        raise BadRule(
            word,
            f"Write a number of seconds from {int(least.total_seconds())} to "
            f"{int(MOST.total_seconds())}.",
        )
    return timedelta(seconds=seconds)


def _longest_gap(cron: str) -> timedelta:
    """The longest wait that a cron expression ever brings, over 400 days: within busy days, and
    over each midnight.
    """
    times = CronSim(cron, _A_FRIDAY)
    before = next(times)
    longest = timedelta(0)
    for _ in range(_GAP_STEPS):
        following = next(times)
        longest, before = max(longest, following - before), following
        if before > _A_FRIDAY + timedelta(days=_GAP_DAYS):
            break
    for day in range(_GAP_DAYS):
        midnight = _A_FRIDAY + timedelta(days=day)
        gap = next(CronSim(cron, midnight - timedelta(minutes=1))) - next(
            CronSim(cron, midnight, reverse=True)
        )
        longest = max(longest, gap)
    return longest
