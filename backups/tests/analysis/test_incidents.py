"""What is wrong, put together into incidents by the pure rules."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.analysis.incidents import (
    KINDS,
    STATES_WORST_FIRST,
    Evidence,
    Member,
    Trouble,
    incidents,
    newest_first,
)
from backups.tests.facts import NOON

H, DAY = timedelta(hours=1), timedelta(days=1)
SEEN = Evidence(text="the newest backup that failed", backup_id="b-1", at=NOON)


def failing_disks(n: int, state: str = "overdue", *, since: datetime = NOON - 3 * DAY) -> Trouble:
    return Trouble(
        kind="backups_fail",
        state=state,
        cloud="otc",
        key="c1",
        volumes=n,
        volumes_query="cause=c1",
        says="have had no good backup" if n > 1 else "has had no good backup",
        cause="the backup host does not answer",
        next="Ask the cloud's support.",
        since=since,
        evidence=SEEN,
        volume_members=tuple(
            Member(id=f"{state}-{at}", name=f"db-{at}", says=state) for at in range(n)
        ),
    )


def failed_backups(n: int, **words: Any) -> Trouble:
    plain: dict[str, Any] = {
        "kind": "backups_fail",
        "state": "error",
        "cloud": "otc",
        "key": "c1",
        "backups": n,
        "backups_query": "cause=c1&group=unresolved",
        "says": "failed",
        "cause": "the backup host does not answer",
        "next": "Ask the cloud's support.",
        "since": NOON - 2 * DAY,
        "evidence": SEEN,
        "backup_members": (
            Member(
                id="b-1",
                name="nightly",
                says="error",
                reason="No answer (Request-ID: req-0123abcd-0000-4000-8000-00000000000a)",
                job_id="8493",
                volume_id="overdue-0",
            ),
        ),
    }
    return Trouble(**{**plain, **words})


def test_disks_their_failed_backups_and_the_cause_are_one_incident() -> None:
    [one] = incidents(
        [failed_backups(5), failing_disks(2), failing_disks(1, "never", since=NOON - DAY)], NOON
    )
    assert one.title == "3 disks have had no good backup: the backup host does not answer"
    assert (one.state, one.volumes, one.backups) == ("overdue", 3, 5)
    assert (one.volumes_query, one.backups_query) == ("cause=c1", "cause=c1&group=unresolved")
    assert (one.since, one.new) == (NOON - 3 * DAY, False)
    assert (one.evidence_backup_id, one.evidence_at) == ("b-1", NOON)
    assert one.volume_ids == ("overdue-0", "overdue-1", "never-0")
    assert one.names == ("db-0", "db-1", "db-0")


def test_another_cause_cloud_or_kind_is_another_incident() -> None:
    one = failed_backups(1)
    others = [
        replace(one, key="c2"),
        replace(one, cloud="eu"),
        replace(one, kind="restores_fail", state="error_restoring"),
    ]
    found = incidents([one, *others], NOON)
    assert len({incident.id for incident in found}) == 4


def test_an_incident_keeps_its_identity_whatever_comes_and_goes_in_it() -> None:
    [before] = incidents([failed_backups(1)], NOON)
    [after] = incidents([failing_disks(7), failed_backups(9)], NOON + DAY)
    assert before.id == after.id


def test_a_single_disk_or_backup_is_named() -> None:
    [disk] = incidents([failing_disks(1)], NOON)
    [backup] = incidents([failed_backups(1)], NOON)
    assert (disk.subject, backup.subject) == ("disk db-0", "backup nightly")


def test_the_worst_come_first_and_of_one_state_the_newest() -> None:
    ages = {"c1": 5 * DAY, "c2": 10 * H, "c3": 4_900 * DAY}
    failures = [failed_backups(1, key=key, since=NOON - age) for key, age in ages.items()]
    found = incidents([*failures, replace(failing_disks(1), key="c4")], NOON)
    assert [(one.state, one.since) for one in found] == [
        ("overdue", NOON - 3 * DAY),
        ("error", NOON - 10 * H),
        ("error", NOON - 5 * DAY),
        ("error", NOON - 4_900 * DAY),
    ]
    assert [one.since for one in newest_first(found)] == sorted(
        (one.since for one in found if one.since), reverse=True
    )


@pytest.mark.parametrize(
    ("since", "new"),
    [(NOON - DAY + timedelta(seconds=1), True), (NOON - DAY, False), (None, False)],
)
def test_new_is_what_began_less_than_a_day_ago(since: datetime | None, new: bool) -> None:
    [one] = incidents([failed_backups(1, since=since)], NOON)
    assert one.new == new


def test_the_text_for_the_ticket_says_all_that_a_ticket_asks_for() -> None:
    [one] = incidents([failing_disks(1), failed_backups(12)], NOON)
    assert one.ticket.splitlines() == [
        "disk db-0 has had no good backup: the backup host does not answer, since "
        "2026-11-21 12:00 UTC.",
        "Cloud: otc",
        "Next step: Ask the cloud's support.",
        "Evidence: the newest backup that failed, as of 2026-11-24 12:00 UTC",
        "Disks (1):",
        "- overdue-0 (db-0): overdue",
        "Backups (12):",
        "- b-1 (nightly): error, of disk overdue-0, job 8493, request "
        "req-0123abcd-0000-4000-8000-00000000000a, “No answer (Request-ID: "
        "req-0123abcd-0000-4000-8000-00000000000a)”",
        "- and 11 more",
        f"Incident {one.id} of vbsdash",
    ]


def test_the_text_for_the_ticket_does_not_change_while_nothing_does() -> None:
    [now] = incidents([failing_disks(1), failed_backups(2)], NOON)
    [later] = incidents([failing_disks(1), failed_backups(2)], NOON + 3 * H)
    assert now.ticket == later.ticket


TROUBLES = st.lists(
    st.builds(
        failed_backups,
        st.integers(1, 3),
        kind=st.sampled_from(KINDS),
        state=st.sampled_from(STATES_WORST_FIRST),
        cloud=st.sampled_from(["otc", "eu"]),
        key=st.sampled_from(["c1", "c2"]),
        since=st.none() | st.integers(0, 90).map(lambda hours: NOON - hours * H),
    ),
    max_size=20,
)


@given(TROUBLES, st.randoms())
def test_nothing_is_lost_and_the_order_of_reading_does_not_matter(
    troubles: list[Trouble], random: Any
) -> None:
    found = incidents(troubles, NOON)
    assert sum(one.backups for one in found) == sum(one.backups for one in troubles)
    keys = {(one.kind, one.cloud, one.key) for one in troubles}
    assert len(found) == len(keys) == len({one.id for one in found})
    shuffled = list(troubles)
    random.shuffle(shuffled)
    again = incidents(shuffled, NOON)
    assert [(one.id, one.state, one.since) for one in again] == [
        (one.id, one.state, one.since) for one in found
    ]
