"""A backup that two services show is one backup."""

import uuid
from datetime import timedelta
from typing import Any

from backups.analysis.one_backup import Sighting, same_as
from backups.tests.facts import NOON, fact

MINUTE = timedelta(minutes=1)


def id_of(n: int) -> uuid.UUID:
    return uuid.UUID(int=n)


def in_vbs(n: int, **words: Any) -> Sighting:
    return Sighting(fact(n, NOON, **{"snapshot_id": "snap", **words}), "vbs", counts_first=True)


def in_cbr(n: int, **words: Any) -> Sighting:
    return Sighting(fact(n, NOON, **{"snapshot_id": "snap", **words}), "cbr", counts_first=False)


def test_one_snapshot_at_one_time_is_one_backup() -> None:
    assert same_as([in_cbr(2), in_vbs(1)]) == {id_of(2): id_of(1)}
    five_later = in_cbr(2, created_at=NOON + 5 * MINUTE)
    assert same_as([in_vbs(1), five_later]) == {id_of(2): id_of(1)}


def test_another_time_another_snapshot_or_none_is_another_backup() -> None:
    assert same_as([in_vbs(1), in_cbr(2, created_at=NOON + 6 * MINUTE)]) == {}
    assert same_as([in_vbs(1), in_cbr(2, snapshot_id="other")]) == {}
    assert same_as([in_vbs(1, snapshot_id=None), in_cbr(2, snapshot_id=None)]) == {}
    assert same_as([in_vbs(1), in_cbr(2, created_at=None)]) == {}


def test_one_service_shows_no_backup_twice() -> None:
    assert same_as([in_vbs(1), in_vbs(2)]) == {}
    assert same_as([in_vbs(1), in_vbs(2), in_cbr(3)]) == {id_of(3): id_of(1)}
    both = same_as([in_vbs(1), in_vbs(2), in_cbr(3), in_cbr(4)])
    assert both == {id_of(3): id_of(1), id_of(4): id_of(2)}


def test_what_is_gone_from_one_service_counts_by_the_other() -> None:
    assert same_as([in_vbs(1, gone_at=NOON), in_cbr(2)]) == {id_of(1): id_of(2)}
