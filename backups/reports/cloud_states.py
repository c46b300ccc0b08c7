"""What is known of every cloud: one answer for pages, API and metrics, in two queries."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, DateTimeField, F, Min, Sum, TextField, Value

from backups.analysis.growth import Change
from backups.clouds import call_counts, circuit_breaker, quota, registry, same_project
from backups.clouds.sign_in import AFTER_REFUSAL
from backups.models import Backup, Cloud, CloudCalls, StoredDay
from backups.reports.growth import Growth, growth_of
from backups.vbs.clouds import CloudConfig
from backups.vbs.kind import MIN_VOTES, Votes, proves


@dataclass(frozen=True)
class CloudState:
    """The shape `cloud` of the JSON API; pages read the same."""

    name: str
    region: str | None
    configured: bool
    api: str
    reachable: bool | None
    last_good_at: datetime | None
    error: dict[str, Any] | None
    paused_until: datetime | None
    pause_reason: str | None  # "refused", "retry_after" or "breaker"
    breaker: circuit_breaker.State
    requests_per_second: float | None
    used_percent: int | None
    lag_seconds: int
    tracked: int
    due: int  # waiting for a worker, or in a worker's hands
    list_lacks: list[str] | None  # keys that its lists do not have; None while that is not known
    list_error: str | None  # why its list could not be used
    walked_at: datetime | None  # when its whole list was last read
    calls: dict[str, int]  # since ever, by how they ended
    type_full: int | None
    type_full_source: str
    type_votes: dict[str, int]
    type_sentence: str
    conflicts: int
    volumes_listed_at: datetime | None
    volumes_error: str | None
    same_project: tuple[
        str, ...
    ]  # other configured clouds that are the same project at the same endpoint
    endpoint: str | None  # base URL of its backup service, as last found
    signed_in_at: datetime | None
    token_expires_at: datetime | None
    clock_ahead_seconds: (
        int | None
    )  # of vbsdash's clock against the cloud's; negative: it is behind
    follow: str
    quota_error: str | None  # why the cloud did not tell its quota, and the cure
    growth: Growth  # what is stored, where it leads, and when a quota is used up


@dataclass
class _Counts:
    tracked: int = 0
    conflicts: int = 0
    due: int = 0
    oldest_due: datetime | None = None
    calls: dict[str, int] = field(default_factory=dict)
    days: dict[int, Change] = field(default_factory=dict)


def states(now: datetime, *, brief: bool = False) -> list[CloudState]:
    """Every cloud that is configured or has rows, by name. `brief`: of the counts only `tracked`,
    the others stay 0.
    """
    configured, counts = registry.configured(), _counts(now, brief=brief)
    rows = _rows()
    same = same_project.groups(
        (cloud.name, cloud.endpoint) for cloud in rows if cloud.name in configured
    )
    return [
        _state(
            cloud,
            configured.get(cloud.name),
            counts.get(cloud.name, _Counts()),
            same.get(cloud.name, ()),
            now,
        )
        for cloud in rows
        if cloud.name in configured or (cloud.name in counts and counts[cloud.name].tracked)
    ]


def _rows() -> list[Cloud]:
    """Of configured ones too that nothing was written of yet, or that were configured otherwise."""
    rows = list(Cloud.objects.order_by("name"))
    there = {row.name: row.follow for row in rows}
    if all(there.get(name) == config.follow for name, config in registry.configured().items()):
        return rows
    registry.ensure_rows()
    return list(Cloud.objects.order_by("name"))


def _counts(now: datetime, *, brief: bool) -> dict[str, _Counts]:
    """One query: what is tracked, due and in conflict (each by an index that holds it all), calls,
    what days stored;
    `brief`: what is tracked.
    """
    backups, count = Backup.objects.order_by(), Count("pk")
    tracked = _part(backups, "tracked", n=count)
    parts = [
        _part(backups.filter(next_refresh_at__lte=now), "due", n=count, at=Min("next_refresh_at")),
        tracked,
        _part(backups.filter(kind_conflict=True), "conflicts", n=count),
        _part(CloudCalls.objects.order_by(), "calls", word="class_name", n=Sum("n")),
        _part(
            StoredDay.objects.order_by(),
            "days",
            number="day",
            n=Sum("mb"),
            m=Sum("backups"),
            k=Sum("gb"),
        ),
    ]
    found: dict[str, _Counts] = {}
    for part, name, word, number, at, *sums in (
        tracked if brief else parts[0].union(*parts[1:], all=True)
    ):
        mine, (n, m, k) = found.setdefault(name, _Counts()), (int(one) for one in sums)
        if part == "tracked" or part == "conflicts":
            setattr(mine, part, n)
        elif part == "due":
            mine.due, mine.oldest_due = n, at
        elif part == "calls":
            mine.calls[word] = n
        else:
            mine.days[number] = Change(n, m, k)
    return found


def _part(
    rows: Any,
    part: str,
    *,
    word: str | None = None,
    number: str | None = None,
    at: Any = None,
    **sums: Any,
) -> Any:
    """Every part has the same columns, or a UNION is none; the first has a word for each, so that
    types are known.
    """
    grouped = rows.values("cloud", *(one for one in (word, number) if one))
    told = grouped.annotate(
        c_part=Value(part, output_field=TextField()),
        c_word=F(word) if word else Value("", output_field=TextField()),
        c_number=F(number) if number else Value(0),
        c_at=at or Value(None, output_field=DateTimeField()),
        **{f"c_{name}": sums.get(name, Value(0)) for name in "nmk"},
    )
    return told.values_list("c_part", "cloud", "c_word", "c_number", "c_at", "c_n", "c_m", "c_k")


def _state(
    cloud: Cloud, config: CloudConfig | None, counts: _Counts, same: tuple[str, ...], now: datetime
) -> CloudState:
    full, source, sentence = _explain(cloud, config, counts.conflicts)
    reachable = None if cloud.attempted_at is None else cloud.error is None
    until, reason = _pause(cloud, now)
    rate = config.requests_per_second if config else None
    return CloudState(
        name=cloud.name,
        region=config.region if config else None,
        configured=config is not None,
        api=registry.api(cloud, config),
        reachable=reachable if config else None,
        last_good_at=cloud.last_good_at,
        error=cloud.error,
        paused_until=until,
        pause_reason=reason,
        breaker=circuit_breaker.state(registry.health(cloud), now),
        requests_per_second=rate,
        used_percent=round(100 * call_counts.in_last_minute(cloud, now) / (60 * rate))
        if rate
        else None,
        lag_seconds=max(0, int((now - counts.oldest_due).total_seconds()))
        if counts.oldest_due
        else 0,
        tracked=counts.tracked,
        due=counts.due,
        list_lacks=cloud.list_lacks,
        list_error=cloud.list_error,
        walked_at=cloud.walked_at,
        calls=counts.calls,
        type_full=full,
        type_full_source=source,
        type_votes={"0": cloud.type_votes_0, "1": cloud.type_votes_1},
        type_sentence=sentence,
        conflicts=counts.conflicts,
        volumes_listed_at=cloud.volumes_listed_at,
        volumes_error=cloud.volumes_error,
        same_project=tuple(name for name in same if name != cloud.name),
        endpoint=cloud.endpoint,
        signed_in_at=cloud.signed_in_at,
        token_expires_at=cloud.token_expires_at,
        clock_ahead_seconds=cloud.clock_ahead_seconds,
        follow=config.follow if config else "none",
        quota_error=quota.problem(cloud),
        growth=growth_of({cloud.name: counts.days}, {cloud.name: quota.in_force(cloud)}, now),
    )


def _pause(cloud: Cloud, now: datetime) -> tuple[datetime | None, str | None]:
    if cloud.refused_at is not None and registry.must_wait(cloud, now):
        return cloud.refused_at + AFTER_REFUSAL, "refused"
    if cloud.paused_until is not None and cloud.paused_until > now:
        return cloud.paused_until, cloud.pause_reason
    return None, None


def _explain(
    cloud: Cloud, config: CloudConfig | None, conflicts: int
) -> tuple[int | None, str, str]:
    """Which Type means full, who says so (`setting`, `evidence`, `default`), and the same in words.

    Evidence decides for 0 as the contract has it, and for 1 by the same measure; else 1 is what the
    API page says.
    """
    if registry.api(cloud, config) == "cinder":
        if cloud.last_good_at is None and (config is None or config.api == "auto"):
            return None, "default", "Not known before the first answer."
        told = "Stock Cinder: is_incremental tells full from incremental."
        return None, "default", told + _contradict(conflicts)
    full, votes = (
        registry.full_in_force(cloud, config),
        Votes(zero=cloud.type_votes_0, one=cloud.type_votes_1),
    )
    seen = f"{votes.zero} answers speak for 0, {votes.one} for 1." + _contradict(conflicts)
    if config is not None and config.type_full != "auto":
        return full, "setting", f"Type {full} means full, as vbs_type_full says; {seen}"
    if proves(votes, full):
        return full, "evidence", f"Type {full} means full by the evidence: {seen}"
    told = "too few" if votes.zero + votes.one < MIN_VOTES else "too divided"
    return (
        full,
        "default",
        f"Type 1 means full, as the API page has it; the evidence is {told}: {seen}",
    )


def _contradict(conflicts: int) -> str:
    if not conflicts:
        return " No backup contradicts itself."
    return (
        f" {conflicts:,} "
        f"backup{' contradicts itself' if conflicts == 1 else 's contradict themselves'}."
    )
