"""How often a volume should be backed up: a period or a cron expression, and a grace; the nearest
rule is in force.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal, Protocol, TypedDict

from cronsim import CronSim, CronSimError

from backups.analysis import zones

Origin = Literal["disk", "tag", "cloud", "policy", "default"]
POLICY_GRACE = timedelta(hours=2)  # of a rule that a policy brings
LEAST_PERIOD = timedelta(minutes=1)
LONGEST_SPAN = timedelta(days=3660)  # of a period and of a grace
LONGEST_CRON = 100  # characters
NEXT_TIMES = 3
# The gaps of a cron expression are measured from a Friday on, so over a weekend at once.
_A_FRIDAY = datetime(2027, 1, 1, tzinfo=UTC)
_GAP_DAYS = 400
_GAP_STEPS = 2000


class BadRule(ValueError):
    """`field` is the one at fault; the text is a sentence for a person."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class RuleRow(Protocol):
    """A row with the columns of a rule; all are None where it has none of its own."""

    rule_period_seconds: int | None
    rule_grace_seconds: int | None
    rule_cron: str | None
    rule_zone: str | None


@dataclass(frozen=True)
class Rule:
    """`period`: by `cron`, when there is one, its longest gap. Late after the
    period, overdue after grace.
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
        """Returns when the next backup should be there, in UTC: a period after the last, or at
        cron's next time after it.
        """
        if self.cron is None:
            return moment + self.period
        return next(CronSim(self.cron, moment.astimezone(zones.zone_or_utc(self.zone)))).astimezone(
            UTC
        )

    def times_after(self, moment: datetime) -> Iterator[datetime]:
        """Yields when one backup after the other should be there, were none of
        them made; without end.
        """
        if self.cron is None:
            while True:
                moment += self.period
                yield moment
        for at in CronSim(self.cron, moment.astimezone(zones.zone_or_utc(self.zone))):
            yield at.astimezone(UTC)

    def next_times(self, now: datetime, *, last: datetime | None = None) -> list[datetime]:
        """Returns the next few times after now, in UTC, at which one should be there: by cron, or
        whole periods after the last good one, which is now where there is none.
        """
        if self.cron is not None:
            return list(islice(self.times_after(now), NEXT_TIMES))
        begin = last if last is not None and last < now else now
        periods_over = (now - begin) // self.period
        return list(islice(self.times_after(begin + periods_over * self.period), NEXT_TIMES))

    @property
    def when(self) -> str:
        """Returns how often a backup is expected, as a part of a sentence."""
        if self.cron is None:
            return f"every {span(self.period)}"
        return f"by cron “{self.cron}” in {zones.in_words(self.zone)}"

    @property
    def sentence(self) -> str:
        return f"A backup is expected {self.when}, with {span(self.grace)} of grace."


@dataclass(frozen=True)
class InForce:
    """`tag` is the tag that brought the rule, or the name of the policy, when one did; None where
    that policy is not open to the reader.
    """

    rule: Rule
    origin: Origin
    tag: str | None = None

    @property
    def source(self) -> str:
        """Returns where the rule comes from, as the end of a sentence."""
        if self.origin == "disk":
            return "set for this disk"
        if self.origin == "cloud":
            return "set for its cloud"
        if self.origin == "policy":
            return f"that of its policy “{self.tag}”" if self.tag else "that of a policy"
        if self.origin == "default":
            return "the default"
        return f"set for the tag “{self.tag}”"


DEFAULT = Rule(timedelta(hours=24), timedelta(hours=2))


def by_period(*, period_seconds: int, grace_seconds: int) -> Rule:
    """Returns a checked rule of a period. Raises BadRule."""
    period = _checked_span("period_seconds", period_seconds, least=LEAST_PERIOD)
    return Rule(period, _checked_span("grace_seconds", grace_seconds))


def by_cron(*, cron: str, zone: str, grace_seconds: int) -> Rule:
    """Returns a checked rule of a five-field cron expression. Raises BadRule."""
    grace = _checked_span("grace_seconds", grace_seconds)
    text = " ".join(cron.split())
    if len(text) > LONGEST_CRON or len(text.split(" ")) != 5:
        raise BadRule(
            "cron", "A cron expression has five fields: minute, hour, day, month, weekday."
        )
    known_zone = zones.zone_named(zone)
    if known_zone is None:
        raise BadRule("zone", f"{zone[:60]!r} is no time zone. {zones.cure(zone)}.")
    try:
        return Rule(_longest_gap(text), grace, text, known_zone.key)
    except CronSimError as e:
        raise BadRule("cron", f"The cron expression cannot be read: {e}.") from None
    except StopIteration:
        raise BadRule("cron", "This cron expression never comes up.") from None


@dataclass(frozen=True)
class PolicyRule:
    """What the cloud itself promises: the longest gap between two runs of a policy that is on."""

    name: str
    period: timedelta


def nearest(
    *,
    volume: Rule | None,
    tags: Mapping[str, Rule],
    cloud: Rule | None,
    policy: PolicyRule | None = None,
) -> InForce:
    """Returns the rule of the volume, else of the strictest of its tags, else of its cloud, else
    what its policy promises, else the default. What a person has set wins.
    """
    if volume is not None:
        return InForce(volume, "disk")
    if tags:

        def strictness(tag: str) -> tuple[timedelta, timedelta, str]:
            return tags[tag].period + tags[tag].grace, tags[tag].period, tag

        strictest = min(tags, key=strictness)
        return InForce(tags[strictest], "tag", strictest)
    if cloud is not None:
        return InForce(cloud, "cloud")
    if policy is not None:
        return InForce(Rule(policy.period, POLICY_GRACE), "policy", policy.name)
    return InForce(DEFAULT, "default")


def effective(row: Mapping[str, Any]) -> Rule:
    """Returns the rule that the columns `effective_…` of a volume's row hold."""
    return Rule(
        period=timedelta(seconds=row["effective_period_seconds"]),
        grace=timedelta(seconds=row["effective_grace_seconds"]),
        cron=row["effective_cron"],
        zone=row["effective_zone"] or "UTC",
    )


class RuleValues(TypedDict):
    """A rule as JSON shows it; a rule without a cron expression has no zone."""

    period_seconds: int
    grace_seconds: int
    cron: str | None
    zone: str | None


def as_json(rule: Rule) -> RuleValues:
    return {
        "period_seconds": int(rule.period.total_seconds()),
        "grace_seconds": int(rule.grace.total_seconds()),
        "cron": rule.cron,
        "zone": rule.zone if rule.cron else None,
    }


def span(length: timedelta) -> str:
    """Returns a length in at most two units: "1 day 2 h", "90 s"."""
    seconds = int(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3600)
    minutes = seconds // 60
    parts: list[str] = []
    if days:
        parts.append(f"{days} day{'s' if days > 1 else ''}")
    if hours:
        parts.append(f"{hours} h")
    if minutes:
        parts.append(f"{minutes} min")
    return " ".join(parts[:2])


def _checked_span(field: str, seconds: int, *, least: timedelta = timedelta(0)) -> timedelta:
    least_s = int(least.total_seconds())
    most_s = int(LONGEST_SPAN.total_seconds())
    if not least_s <= seconds <= most_s:
        raise BadRule(field, f"Write a number of seconds from {least_s} to {most_s}.")
    return timedelta(seconds=seconds)


def _longest_gap(cron: str) -> timedelta:
    """Returns the longest wait that a cron expression ever brings, over 400 days: within busy days,
    and over each midnight.
    """
    longest = timedelta(0)
    times = CronSim(cron, _A_FRIDAY)
    before = next(times)
    for _ in range(_GAP_STEPS):
        after = next(times)
        longest = max(longest, after - before)
        before = after
        if before > _A_FRIDAY + timedelta(days=_GAP_DAYS):
            break
    for day in range(_GAP_DAYS):
        midnight = _A_FRIDAY + timedelta(days=day)
        before = next(CronSim(cron, midnight, reverse=True))
        after = next(CronSim(cron, midnight - timedelta(minutes=1)))
        longest = max(longest, after - before)
    return longest
