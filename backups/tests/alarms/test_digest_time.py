from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from backups.alarms.digest_time import DigestTime, WrongDigestTime

BERLIN = ZoneInfo("Europe/Berlin")


def last(text: str, now: str) -> str:
    at = DigestTime.parse(text, BERLIN).last(datetime.fromisoformat(f"{now}+00:00"))
    assert at.tzinfo == UTC
    return f"{at:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("daily", "2026-11-25 07:00", "2026-11-25 07:00"),
        ("daily", "2026-11-25 06:59", "2026-11-24 07:00"),
        ("Daily 23:30 UTC", "2026-11-25 23:29", "2026-11-24 23:30"),
        # Its day has begun in its zone and not yet in UTC.
        ("daily 00:10 Asia/Tokyo", "2026-11-25 15:10", "2026-11-25 15:10"),
        ("weekly", "2026-11-30 06:59", "2026-11-23 07:00"),
        ("weekly", "2026-11-30 07:00", "2026-11-30 07:00"),
        ("weekly SUNDAY 9:05 UTC", "2026-11-28 12:00", "2026-11-22 09:05"),
        # 02:30 is skipped in that night, and comes twice in the other one.
        ("daily 02:30", "2027-03-28 01:29", "2027-03-27 01:30"),
        ("daily 02:30", "2027-03-28 01:30", "2027-03-28 01:30"),
        ("daily 02:30", "2027-03-29 00:30", "2027-03-29 00:30"),
        ("daily 02:30", "2027-10-31 00:30", "2027-10-31 00:30"),
        ("daily 02:30", "2027-10-31 01:45", "2027-10-31 00:30"),
    ],
)
def test_the_newest_time_that_has_come(text: str, now: str, expected: str) -> None:
    assert last(text, now) == expected


def test_it_reads_as_it_is_written() -> None:
    written = {
        "daily": "daily 08:00 Europe/Berlin",
        "Weekly Sunday 9:05 utc": "weekly sunday 09:05 UTC",
    }
    assert {text: str(DigestTime.parse(text, BERLIN)) for text in written} == written


@pytest.mark.parametrize(
    "text",
    ["", "hourly", "daily 25:00", "weekly moonday", "daily 08:00 CEST5", "daily 08:00 UTC x"],
)
def test_what_is_no_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(WrongDigestTime, match=r": write daily 08:00 Europe/Berlin"):
        DigestTime.parse(text, BERLIN)
