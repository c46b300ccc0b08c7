"""One UPDATE marks the settled backups of a page; it writes what the plan says in Python."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backups.models import Backup, Cloud
from backups.models.data_version import data_changed
from backups.refresh import plan, schedule, type_interpretation
from backups.refresh.apply import apply
from backups.refresh.plan import Fetched, StoredBackup
from backups.refresh.unchanged import mark_unchanged
from backups.reports.data_version import versions
from backups.shared import clock
from backups.vbs.payload import Received
from backups.vbs.statuses import IN_FLIGHT, SETTLED

pytestmark = pytest.mark.django_db
UNKNOWN_STATUS = "frozen"
ERROR = {"class": "unavailable", "since": "2026-01-01T00:00:00Z"}
AGES = st.one_of(
    # At the edges of what is compared, a microsecond more and less included.
    st.sampled_from(
        [
            edge + timedelta(microseconds=microseconds)
            for edge in (timedelta(0), schedule.RECENT_FOR, schedule.RECENT_INTERVAL)
            for microseconds in (-1, 0, 1)
        ]
    ),
    st.timedeltas(min_value=timedelta(days=-1), max_value=timedelta(days=400)),
)


def times_before(moment: datetime) -> st.SearchStrategy[datetime]:
    return AGES.map(lambda age: moment - age)


def next_refreshes(requested_at: datetime, landed_at: datetime) -> st.SearchStrategy[datetime]:
    """Times before the request, while its answer was on the way, and after it; with both edges."""
    moment = timedelta(microseconds=1)
    edges = [requested_at, requested_at + moment, landed_at, landed_at + moment]
    on_the_way = st.datetimes(
        min_value=requested_at.replace(tzinfo=None), max_value=landed_at.replace(tzinfo=None)
    ).map(lambda naive: naive.replace(tzinfo=UTC))
    return st.one_of(st.sampled_from(edges), on_the_way, times_before(requested_at))


@st.composite
def backups(draw: Any, requested_at: datetime, landed_at: datetime) -> Backup:
    before = times_before(requested_at)
    often = st.sampled_from(range(10)).map(bool)  # so that most backups are marked
    return Backup(
        id=draw(st.uuids()),
        cloud_id="otc" if draw(often) else "other",
        status=draw(st.sampled_from(SETTLED))
        if draw(often)
        else draw(st.sampled_from([None, UNKNOWN_STATUS, *IN_FLIGHT])),
        digest=draw(st.sampled_from(["a" * 32, "b" * 32])) if draw(often) else None,
        tracked_at=requested_at - timedelta(days=500),
        created_at=draw(st.none() | before),
        changed_at=draw(before) if draw(often) else None,
        refreshed_at=draw(st.none() | before),
        attempted_at=draw(st.none() | before),
        missed_at=draw(st.none() | before),
        gone_at=None if draw(often) else draw(before),
        unlisted_at=draw(st.none() | before),
        next_refresh_at=draw(st.none() | next_refreshes(requested_at, landed_at)),
        unchanged_polls=draw(st.sampled_from([0, 1, 5, 29_999, 30_000])),
        failures=draw(st.sampled_from([0, 1, 30_000])),
        error=draw(st.sampled_from([None, ERROR])),
        refresh_interval=draw(st.sampled_from([None, 10, 900, 21_600])),
        stale_at=draw(st.none() | before),
    )


def stored(row: Backup, requested_at: datetime, landed_at: datetime) -> StoredBackup:
    is_requested = plan.is_refresh_requested(row.next_refresh_at, requested_at, landed_at)
    columns = [getattr(row, column) for column in plan.STORED_COLUMNS[:-1]]
    return StoredBackup(*[*columns, row.next_refresh_at if is_requested else None])


def expected(
    rows: Sequence[Backup], digests: dict[str, str], requested_at: datetime, landed_at: datetime
) -> dict[uuid.UUID, dict[str, Any]]:
    """What the plan says of the rows that are to be marked, by ID."""
    values = {}
    for row in rows:
        before = stored(row, requested_at, landed_at)
        answer = Received({}, digests[str(row.id)])
        is_settled = row.cloud_id == "otc" and row.status in SETTLED
        # Rows without `changed_at` were never answered for, so their digest is NULL as well.
        if not is_settled or row.changed_at is None:
            continue
        if plan.is_outdated(before, Fetched(row.id, requested_at, answer)):
            continue
        if not plan.is_changed(before, answer):
            tracking = plan.values_if_unchanged(before, requested_at)
            values[row.id] = {**tracking._asdict(), "unlisted_at": None}
    return values


def all_columns() -> dict[uuid.UUID, dict[str, Any]]:
    return {row["id"]: dict(row) for row in Backup.objects.values()}


@hypothesis_settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_the_statement_writes_what_the_plan_says(data: Any) -> None:
    Backup.objects.all().delete()
    for name in ("otc", "other"):
        Cloud.objects.get_or_create(name=name)
    landed_at = clock.now()
    took = data.draw(st.sampled_from([timedelta(0), timedelta(seconds=1), timedelta(minutes=1)]))
    requested_at = landed_at - took - timedelta(microseconds=data.draw(st.integers(0, 999_999)))
    rows = data.draw(
        st.lists(
            backups(requested_at, landed_at),
            min_size=1,
            max_size=12,
            unique_by=lambda row: row.id,
        )
    )
    Backup.objects.bulk_create(rows)
    digests = {str(row.id): "a" * 32 for row in rows}
    after = all_columns()
    marked = expected(rows, digests, requested_at, landed_at)
    for backup_id, values in marked.items():
        after[backup_id] |= values
    assert mark_unchanged("otc", digests, requested_at) == {str(pk) for pk in marked}
    assert all_columns() == after


def test_each_step_of_the_jitter_is_the_same_in_both() -> None:
    Cloud.objects.create(name="otc")
    now = timezone.now()
    created_at = now - timedelta(days=2)
    Backup.objects.bulk_create(
        Backup(
            id=uuid.UUID(int=2**127 + number),
            cloud_id="otc",
            status="available",
            digest="a" * 32,
            tracked_at=created_at,
            created_at=created_at if number % 2 else now,
            changed_at=created_at,
        )
        for number in range(2 * schedule.JITTER_STEPS)
    )
    rows = list(Backup.objects.all())
    digests = {str(row.id): "a" * 32 for row in rows}
    assert len(mark_unchanged("otc", digests, now)) == len(rows)
    polls = {
        row.id: plan.values_if_unchanged(stored(row, now, now), now).next_refresh_at for row in rows
    }
    assert dict(Backup.objects.values_list("pk", "next_refresh_at")) == polls


def _fresh(now: Any, **values: Any) -> Backup:
    Cloud.objects.get_or_create(name="otc")
    fields = {
        "id": uuid.uuid4(),
        "cloud_id": "otc",
        "status": "available",
        "digest": "a" * 32,
        "tracked_at": now - timedelta(days=9),
        "created_at": now - timedelta(days=9),
        "changed_at": now - timedelta(days=9),
        "refreshed_at": now - timedelta(hours=6),
        "attempted_at": now - timedelta(hours=6),
        "stale_at": now + timedelta(hours=6),
    }
    return Backup.objects.create(**{**fields, **values})


@pytest.mark.parametrize(
    ("values", "is_content_new"),
    [
        ({}, False),
        ({"stale_at": timedelta(0)}, True),
        ({"failures": 1}, True),
        ({"error": ERROR}, True),
        ({"missed_at": timedelta(hours=-1)}, True),
        ({"unlisted_at": timedelta(hours=-1)}, True),
    ],
)
@pytest.mark.parametrize("way", ["by the list", "one by one"])
def test_only_what_was_fresh_and_without_trouble_makes_no_new_content(
    way: str, values: dict[str, Any], is_content_new: bool
) -> None:
    if way == "one by one" and "unlisted_at" in values:
        pytest.skip("its own answer says nothing of lists")
    now = timezone.now()
    times = {k: now + v if isinstance(v, timedelta) else v for k, v in values.items()}
    row = _fresh(now, **times)
    Cloud.objects.update(attempted_at=now, last_good_at=now)
    type_interpretation.ensure("otc", now)
    data_changed()
    before = versions(now)
    if way == "by the list":
        assert mark_unchanged("otc", {str(row.pk): "a" * 32}, now) == {str(row.pk)}
    else:
        answer = Received(raw={}, digest="a" * 32)
        assert apply("otc", [Fetched(row.pk, now, answer)]).good == 1
    row.refresh_from_db()
    assert row.refreshed_at == now
    after = versions(now)
    assert after.whole != before.whole
    assert (after.content != before.content) is is_content_new
