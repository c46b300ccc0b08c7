"""Disks with values that no sane cloud gives: told or counted as odd, never an error,
never a wrong green.
"""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backups.derived.volumes import derive
from backups.edits import tracking
from backups.models import FULL_ACCESS, Backup, Cloud, Volume
from backups.refresh import single_gets
from backups.reports import volumes
from backups.simulator import Simulator
from backups.tests.facts import NOON
from backups.tests.otc import VOLUME, running

pytestmark = [pytest.mark.either, pytest.mark.django_db]


@pytest.fixture
def sim(settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    with running(settings, tmp_path, entry={"vbs_follow": "all"}) as sim:
        yield sim


def ask(sim: Simulator, *bodies: dict[str, Any]) -> None:
    ids = [sim.add(one) for one in bodies]
    now = timezone.now()
    tracking.add(cloud="otc", values=ids, now=now)
    single_gets.refresh_these("otc", [uuid.UUID(one) for one in ids])
    Cloud.objects.update(backups_listed_at=timezone.now())


def body(n: int = 1, *, metadata: Any = None, **words: Any) -> dict[str, Any]:
    made = {"id": str(uuid.UUID(int=n)), "volume_id": VOLUME, "status": "available", "size": 10}
    told = {"Type": 0, "CS": 100, **(metadata or {})}
    return {**made, "description": '{"INC":0}', "service_metadata": json.dumps(told), **words}


def state() -> volumes.VolumeDetail:
    found = volumes.volume_detail("otc", VOLUME, timezone.now(), access=FULL_ACCESS)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "created_at", [None, "yesterday", "2016-01-15T01:0807.476Z", "0001-01-01", "9999-12-31", 7, ""]
)
def test_a_time_that_cannot_be_believed_makes_no_disk_green(
    sim: Simulator, created_at: Any
) -> None:
    ask(sim, body(created_at=created_at))
    found = state()
    assert (found.protection, found.last_good_at, found.chain_size_mb) == ("unknown", None, 100)
    assert (
        found.why
        == "It has backups that can be restored, but none with a time that can be believed."
    )


def test_a_backup_from_the_future_makes_no_disk_green(sim: Simulator) -> None:
    soon = (timezone.now() + timedelta(days=4000)).isoformat()
    ask(sim, body(created_at=soon, data_timestamp=soon, updated_at=soon))
    assert state().protection == "unknown"


@pytest.mark.parametrize("size", [-5, 10**30, "many", 1e300, True, [], None])
@pytest.mark.parametrize("cs", [-1, 10**30, "big", None, {}])
def test_sizes_that_are_none_are_not_known(sim: Simulator, size: Any, cs: Any) -> None:
    ask(sim, body(size=size, metadata={"CS": cs}, created_at="2026-11-24T02:00:00"))
    assert (state().size, state().chain_size_mb, state().chains[0].chain_size_mb) == (
        None,
        None,
        None,
    )


def test_a_chain_that_jumps_by_a_billion_is_odd_and_in_no_total(sim: Simulator) -> None:
    ask(sim, body(1, created_at="2026-11-23T02:00:00"))
    jumped = {"description": '{"INC":1}', "metadata": {"CS": 100 + 10**9, "Type": 1}}
    ask(sim, body(2, created_at="2026-11-24T02:00:00", **jumped))
    ask(sim, body(3, created_at="2026-11-24T03:00:00", **jumped))
    found = state()
    assert [(one.odd, one.chain_size_mb) for one in found.chains] == [(True, 100 + 10**9)]
    assert found.chain_size_mb is None
    assert found.chains[0].notes == (
        "odd: larger than this disk's backups can be, so it is in no total",
    )


@pytest.mark.soak
@pytest.mark.long
def test_a_disk_with_fifty_thousand_backups_is_derived_and_told() -> None:
    Cloud.objects.create(name="otc", last_good_at=NOON, backups_listed_at=NOON, follow="all")
    times = {"tracked_at": NOON, "refreshed_at": NOON, "stale_at": NOON + timedelta(hours=1)}
    rows = (
        Backup(
            id=uuid.UUID(int=n),
            cloud_id="otc",
            volume_id=VOLUME,
            status="available",
            kind="full" if n % 10 == 0 else "incremental",
            created_at=NOON - timedelta(minutes=n),
            chain_size_mb=10,
            **times,
        )
        for n in range(50_000)
    )
    Backup.objects.bulk_create(rows, batch_size=500)
    derive("otc", [VOLUME], NOON)
    found = volumes.volume_detail("otc", VOLUME, NOON, access=FULL_ACCESS)
    assert found is not None
    assert (found.protection, found.tracked, found.chain_size_mb) == ("protected", 50_000, 50_010)
    assert sum(len(one.members) for one in found.chains) == 50_000


def test_progress_alone_has_no_disk_judged_again(sim: Simulator) -> None:
    running = body(status="creating", created_at="2026-11-24T02:00:00", metadata={"progress": "1"})
    ask(sim, running)
    Volume.objects.update(tracked=99)
    ask(sim, {**running, "service_metadata": json.dumps({"Type": 0, "CS": 100, "progress": "50"})})
    assert (Backup.objects.get().progress, Volume.objects.get().tracked) == (50, 99)
    ask(sim, {**running, "status": "available"})
    assert (Volume.objects.get().tracked, state().last_good_id) == (1, running["id"])


TIMES = (
    st.none() | st.datetimes().map(lambda at: at.isoformat()) | st.text(max_size=12) | st.integers()
)
ANY = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False)
)


@hypothesis_settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "created_at": TIMES,
                "updated_at": TIMES,
                "data_timestamp": TIMES,
                "size": ANY,
                "status": ANY,
            },
            optional={"description": st.sampled_from(['{"INC":0}', '{"INC":1}', "x"])},
        ),
        min_size=1,
        max_size=4,
    ),
    st.lists(ANY, min_size=4, max_size=4),
)
def test_whatever_comes_a_disk_is_told_and_green_only_by_a_good_one(
    sim: Simulator, bodies: list[dict[str, Any]], sizes: list[Any]
) -> None:
    Backup.objects.all().delete()
    Volume.objects.all().delete()
    ask(
        sim, *[body(n, metadata={"CS": sizes[n - 1]}, **words) for n, words in enumerate(bodies, 1)]
    )
    found = state()
    assert found.why
    if found.protection in ("protected", "late", "overdue"):
        assert found.last_good_id is not None
        good = Backup.objects.get(pk=found.last_good_id)
        assert good.status in ("available", "restoring")
        assert found.last_good_at is not None
        assert found.last_good_at <= timezone.now() + timedelta(minutes=5)
