"""A service that vanishes has ended, once that is sure; a good answer takes it back."""

from datetime import datetime, timedelta

import pytest

from backups.clouds import service_end
from backups.models import Cloud
from backups.tests.facts import NOON
from backups.vbs.errors import (
    Malformed,
    NameUnknown,
    ServiceMissing,
    Unavailable,
    VBSError,
    WrongAddress,
)

M = timedelta(minutes=1)
H = timedelta(hours=1)
NO_CATALOG = ServiceMissing("The catalog has no public endpoint of vbsv2.")
NO_PLACE = WrongAddress("HTTP 404", http_status=404)
NO_NAME = NameUnknown("vbs.example: the host name could not be resolved.")


def cloud() -> Cloud:
    return Cloud(name="otc", last_good_at=NOON - H, signed_in_at=NOON - H)


def ask(row: Cloud, error: VBSError | None, at: datetime) -> datetime | None:
    service_end.note(row, error, at, is_good=error is None)
    return row.service_ended_at


def test_a_catalog_has_to_lack_it_twice_ten_minutes_apart() -> None:
    row = cloud()
    assert ask(row, NO_CATALOG, NOON) is None
    assert ask(row, NO_CATALOG, NOON + 9 * M) is None
    assert ask(row, NO_CATALOG, NOON + 10 * M) == NOON


@pytest.mark.parametrize("error", [NO_PLACE, WrongAddress("HTTP 410", http_status=410)])
def test_an_address_has_to_be_missing_for_a_day(error: VBSError) -> None:
    row = cloud()
    assert ask(row, error, NOON) is None
    assert ask(row, error, NOON + 23 * H) is None
    assert ask(row, error, NOON + 24 * H) == NOON


def test_a_name_that_is_not_resolved_counts_only_while_sign_ins_go_well() -> None:
    row = cloud()
    ask(row, NO_NAME, NOON)
    assert ask(row, NO_NAME, NOON + 25 * H) is None  # It may be our own resolver.
    row.signed_in_at = NOON + 20 * H
    assert ask(row, NO_NAME, NOON + 26 * H) == NOON


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("HTTP 503", http_status=503),
        Malformed("no JSON", http_status=200),
        WrongAddress("HTTP 302: a redirect", http_status=302),
    ],
)
def test_a_service_that_is_only_away_has_not_ended(error: VBSError) -> None:
    row = cloud()
    ask(row, error, NOON)
    assert ask(row, error, NOON + 100 * H) is None
    assert (row.service_missing_since, row.address_missing_since) == (None, None)


def test_an_outage_between_two_absences_takes_nothing_back() -> None:
    row = cloud()
    ask(row, NO_CATALOG, NOON)
    ask(row, Unavailable("HTTP 503", http_status=503), NOON + 5 * M)
    assert ask(row, NO_CATALOG, NOON + 10 * M) == NOON


def test_another_kind_of_absence_counts_by_itself() -> None:
    row = cloud()
    ask(row, NO_NAME, NOON)
    assert ask(row, NO_CATALOG, NOON + 11 * M) is None
    assert ask(row, NO_CATALOG, NOON + 21 * M) == NOON + 11 * M


def test_an_address_that_answers_in_between_is_there() -> None:
    row = cloud()
    ask(row, NO_PLACE, NOON)
    ask(row, Unavailable("HTTP 503", http_status=503), NOON + H)
    assert ask(row, NO_PLACE, NOON + 25 * H) is None
    assert ask(row, NO_PLACE, NOON + 49 * H) == NOON + 25 * H


def test_a_good_answer_takes_it_back() -> None:
    row = cloud()
    ask(row, NO_CATALOG, NOON)
    ask(row, NO_CATALOG, NOON + H)
    assert ask(row, None, NOON + 2 * H) is None
    assert row.service_missing_since is None


def test_a_cloud_that_never_answered_has_a_wrong_setting_instead() -> None:
    row = Cloud(name="otc")
    ask(row, NO_CATALOG, NOON)
    assert ask(row, NO_CATALOG, NOON + H) is None


def test_a_service_that_has_ended_is_asked_hourly() -> None:
    row = cloud()
    row.service_ended_at = NOON
    row.attempted_at = NOON
    assert service_end.is_to_be_left_alone(row, NOON + 59 * M)
    assert not service_end.is_to_be_left_alone(row, NOON + 60 * M)
