"""Time zones read as people read them, whatever sign, case or age their names have."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backups.analysis.rules import BadRule, Rule, by_cron
from backups.analysis.zones import (
    cure,
    in_words,
    instant_of,
    offered,
    offset_at,
    short_name,
    zone_named,
)

WINTER = datetime(2026, 12, 1, tzinfo=UTC)
SUMMER = datetime(2026, 7, 1, tzinfo=UTC)
WEST_5 = "UTC\N{MINUS SIGN}5"


@pytest.mark.parametrize(
    ("name", "key", "winter", "summer"),
    [
        ("Etc/GMT+5", "Etc/GMT+5", WEST_5, WEST_5),
        ("etc/gmt+12", "Etc/GMT+12", "UTC\N{MINUS SIGN}12", "UTC\N{MINUS SIGN}12"),
        ("Etc/GMT-14", "Etc/GMT-14", "UTC+14", "UTC+14"),
        ("Etc/GMT-0", "Etc/GMT-0", "UTC", "UTC"),
        ("GMT0", "GMT0", "UTC", "UTC"),
        ("GMT+0", "GMT+0", "UTC", "UTC"),
        ("Zulu", "Zulu", "UTC", "UTC"),
        ("utc", "UTC", "UTC", "UTC"),
        ("Etc/Universal", "Etc/Universal", "UTC", "UTC"),
        ("EST", "EST", WEST_5, WEST_5),
        ("EST5EDT", "EST5EDT", WEST_5, "UTC\N{MINUS SIGN}4"),
        ("US/Pacific", "US/Pacific", "UTC\N{MINUS SIGN}8", "UTC\N{MINUS SIGN}7"),
        ("Europe/Kiev", "Europe/Kiev", "UTC+2", "UTC+3"),
        ("Europe/Kyiv", "Europe/Kyiv", "UTC+2", "UTC+3"),
        ("europe/berlin", "Europe/Berlin", "UTC+1", "UTC+2"),
        ("EUROPE/LONDON", "Europe/London", "UTC", "UTC+1"),
        ("America/New York", "America/New_York", WEST_5, "UTC\N{MINUS SIGN}4"),
        ("America/St_Johns", "America/St_Johns", "UTC\N{MINUS SIGN}3:30", "UTC\N{MINUS SIGN}2:30"),
        ("Asia/Calcutta", "Asia/Calcutta", "UTC+5:30", "UTC+5:30"),
        ("Asia/Kathmandu", "Asia/Kathmandu", "UTC+5:45", "UTC+5:45"),
        ("Australia/Lord_Howe", "Australia/Lord_Howe", "UTC+11", "UTC+10:30"),
        ("Pacific/Chatham", "Pacific/Chatham", "UTC+13:45", "UTC+12:45"),
        ("Europe/Dublin", "Europe/Dublin", "UTC", "UTC+1"),
    ],
)
def test_a_zone_says_how_far_from_utc_it_is(name: str, key: str, winter: str, summer: str) -> None:
    zone = zone_named(name)
    assert zone is not None
    assert (zone.key, offset_at(zone, WINTER), offset_at(zone, SUMMER)) == (key, winter, summer)


@pytest.mark.parametrize(
    "name",
    [
        *("", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/localtime", "A\x00B", "x" * 5000),
        *("localtime", "Factory", "posixrules", "Etc/Unknown", "posix/Europe/Berlin"),
        *("right/Europe/Berlin", "zone.tab", "tzdata.zi", "leapseconds", "Etc/GMT+13"),
        *("Etc/GMT+05", "UTC+5", "GMT+5", "+05:30", "CEST", "İstanbul", "Europe//Berlin", "."),
    ],
)
def test_what_is_no_zone_of_a_place_is_none(name: str) -> None:
    assert zone_named(name) is None
    with pytest.raises(BadRule, match=r"is no time zone\. Write one like Europe/Berlin"):
        by_cron(cron="0 1 * * *", zone=name, grace_seconds=0)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("UTC+5", ", or Etc/GMT-5 for UTC+5"),
        ("gmt+5", ", or Etc/GMT-5 for UTC+5"),
        ("GMT + 5 ", ", or Etc/GMT-5 for UTC+5"),
        ("GMT-3", ", or Etc/GMT+3 for UTC\N{MINUS SIGN}3"),
        ("UTC\N{MINUS SIGN}3", ", or Etc/GMT+3 for UTC\N{MINUS SIGN}3"),
        ("+02:00", ", or Etc/GMT-2 for UTC+2"),
        ("-0500", ", or Etc/GMT+5 for UTC\N{MINUS SIGN}5"),
        ("UTC+14", ", or Etc/GMT-14 for UTC+14"),
        ("UTC+00:00", ", or UTC"),
        ("UTC+15", ""),
        ("UTC-13", ""),
        ("UTC+5:30", ""),
        ("Mars/Olympus", ""),
    ],
)
def test_who_writes_an_offset_is_told_the_zone_that_has_it(name: str, advice: str) -> None:
    assert cure(name) == f"Write one like Europe/Berlin{advice}"


@pytest.mark.parametrize(
    ("name", "behind_a_time", "in_a_sentence"),
    [
        ("Etc/GMT+5", WEST_5, f"{WEST_5} (Etc/GMT+5)"),
        ("Etc/GMT-5", "UTC+5", "UTC+5 (Etc/GMT-5)"),
        ("Etc/GMT+0", "UTC", "UTC (Etc/GMT+0)"),
        ("GMT-0", "UTC", "UTC (GMT-0)"),
        ("America/New_York", "New York", "America/New_York"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("US/Pacific", "Pacific", "US/Pacific"),
        ("Zulu", "Zulu", "Zulu"),
        (
            "Europe/Atlantis",
            "Atlantis",
            "UTC (this host does not know the time zone Europe/Atlantis)",
        ),
    ],
)
def test_no_text_suggests_the_wrong_sign(name: str, behind_a_time: str, in_a_sentence: str) -> None:
    assert (short_name(name), in_words(name)) == (behind_a_time, in_a_sentence)
    rule = Rule(timedelta(days=1), timedelta(hours=2), "0 1 * * *", name)
    assert rule.when == f"by cron “0 1 * * *” in {in_a_sentence}"


def test_each_name_on_offer_is_one_that_is_taken() -> None:
    for name, offset in offered(WINTER):
        zone = zone_named(name)
        assert zone is not None
        assert (zone.key, offset_at(zone, WINTER)) == (name, offset)


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        ("Etc/GMT+5", "0 1 * * *", "2026-12-01T00:00", "2026-12-01T06:00"),
        ("Etc/GMT-5", "0 1 * * *", "2026-12-01T00:00", "2026-12-01T20:00"),
        ("Europe/Berlin", "0 3 * * *", "2027-03-27T12:00", "2027-03-28T01:00"),
        ("Europe/Berlin", "30 2 * * *", "2027-03-27T12:00", "2027-03-28T01:00"),
        ("Europe/Berlin", "0 3 * * *", "2027-10-30T12:00", "2027-10-31T02:00"),
        ("Asia/Kathmandu", "0 0 * * *", "2026-12-01T00:00", "2026-12-01T18:15"),
        ("Australia/Lord_Howe", "0 12 * * *", "2027-04-03T12:00", "2027-04-04T01:30"),
        ("Pacific/Apia", "0 0 * * *", "2026-12-01T00:00", "2026-12-01T11:00"),
        # Beyond the years that a zone's file lists, its last rule goes on.
        ("America/New_York", "0 12 1 7 *", "2049-01-01T00:00", "2049-07-01T16:00"),
        ("Europe/Kyiv", "0 12 1 7 *", "2049-01-01T00:00", "2049-07-01T09:00"),
        # It has had no summer time since 2016, and Brazil none since 2019.
        ("Europe/Istanbul", "0 12 1 7 *", "2027-01-01T00:00", "2027-07-01T09:00"),
        ("America/Sao_Paulo", "0 12 1 1 *", "2026-12-01T00:00", "2027-01-01T15:00"),
        ("Europe/Atlantis", "0 12 * * *", "2026-12-01T00:00", "2026-12-01T12:00"),
    ],
)
def test_cron_times_come_by_the_zones_own_clock(
    zone: str, cron: str, after: str, expected: str
) -> None:
    rule = Rule(timedelta(days=1), timedelta(0), cron, zone)
    at = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert f"{rule.late_at(at):%Y-%m-%dT%H:%M}" == expected
    assert rule.late_at(at).tzinfo is UTC
    assert next(rule.times_after(at)) == rule.late_at(at)


def test_a_zone_in_another_case_is_stored_in_its_own() -> None:
    assert by_cron(cron="0 1 * * *", zone="etc/gmt+5", grace_seconds=0).zone == "Etc/GMT+5"
    assert ZoneInfo("Etc/GMT+5").key == "Etc/GMT+5"


@pytest.mark.parametrize(
    ("local", "zone", "begins", "ends"),
    [
        ("2026-07-01T08:00", "Europe/Berlin", "2026-07-01T06:00", "2026-07-01T06:00"),
        # The clock is put forward from 02:00 to 03:00: half past two is not there.
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T01:00"),
        ("2026-03-29T02:00", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T01:00"),
        ("2026-03-29T03:00", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T01:00"),
        # It is put back from 03:00 to 02:00: half past two comes twice.
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T01:30"),
        # By half an hour.
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:30", "2026-10-03T15:30"),
        # A day that there never was.
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00"),
    ],
)
def test_a_time_by_the_clock_is_one_instant(local: str, zone: str, begins: str, ends: str) -> None:
    at = datetime.fromisoformat(local)
    found = [instant_of(at, ZoneInfo(zone), is_end=is_end) for is_end in (False, True)]
    assert [f"{instant:%Y-%m-%dT%H:%M}" for instant in found] == [begins, ends]
