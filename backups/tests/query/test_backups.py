import base64
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import QueryDict

from backups.models import FULL_ACCESS, Access, Backup, BackupTag, Cloud, SearchText, Volume
from backups.query.backups import BACKUPS, left_out
from backups.query.cursor import LAST, BadCursor, read_cursor
from backups.query.definition import FEW
from backups.query.list_query import InvalidQuery, parse, without
from backups.query.page import Pages
from backups.vbs.statuses import FAILED, IN_FLIGHT

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = (
    None,
    "",
    "a",
    "B",
    "b",
    "Z",
    "ä",
    "Ä",
    "é",
    "z",
    "😀",
    "\uffee",
    "db-10",
    "db-9",
    "straße",
    "STRASSE",
)


# What each disk is called: two of one name, one without any.
VOLUMES: dict[tuple[str, str], dict[str, str]] = {
    ("otc", "v1"): {"label": "Z disk", "name": "0"},
    ("otc", "v2"): {"name": "a disk"},
    ("Silent", "v1"): {"name": ""},
    ("Silent", "v2"): {"name": "a disk", "label": ""},
}
SHOWN = {("otc", "v1"): "Z disk", ("Silent", "v1"): "v1"}


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Sixty backups with many ties and nulls in every order, in a cloud that is heard and
    one that is silent.
    """
    dice = random.Random(7)
    Cloud.objects.create(name="otc", last_good_at=NOW)
    Cloud.objects.create(name="Silent", last_good_at=NOW - timedelta(hours=1))
    made = []
    for _ in range(60):
        seen = dice.random() < 0.8
        made.append(
            Backup(
                id=uuid.UUID(int=dice.getrandbits(128)),
                cloud_id=dice.choice(["otc", "otc", "Silent"]),
                status=dice.choice(["available", "error", "creating", None]) if seen else None,
                name=dice.choice(NAMES),
                size=dice.choice([None, 0, 1, 2**40]),
                volume_id=dice.choice([None, "v1", "v2"]),
                chain_size_mb=dice.choice([None, 5, 6]),
                throughput_mb_s=dice.choice([None, 0.5, 1e300]),
                bootable=dice.choice([None, True, False]),
                kind=dice.choice(["full", "incremental"]),
                description=dice.choice([None, "Nightly of DB", "weekly"]),
                created_at=dice.choice(
                    [None, NOW, NOW - timedelta(days=1), NOW - timedelta(microseconds=1)]
                ),
                tracked_at=NOW - timedelta(hours=dice.choice([0, 0, 1, 2])),
                refreshed_at=NOW - timedelta(hours=dice.choice([0, 3])) if seen else None,
                stale_at=NOW + timedelta(minutes=dice.choice([-1, 0, 1, 1])) if seen else None,
                gone_at=NOW if dice.random() < 0.1 else None,
                stuck_at=dice.choice([None, NOW, NOW + timedelta(seconds=1)]),
            )
        )
    Backup.objects.bulk_create(made)
    for (cloud, volume_id), names in VOLUMES.items():
        Volume.objects.create(cloud_id=cloud, volume_id=volume_id, first_seen_at=NOW, **names)
    SearchText.objects.put(vars(one) for one in made)
    return [dict(row) for row in Backup.objects.with_tracking_state(NOW).values()]


def ids(query: str, *, few: int = FEW, size: int = 7) -> list[uuid.UUID]:
    """Walk all pages from the first to the last."""
    wanted = parse(QueryDict(query), BACKUPS)
    pages = Pages(BACKUPS, wanted, NOW, few=few)
    found, cursor = [], None
    while True:
        page = pages.page(cursor, size, "id")
        found += [row["id"] for row in page.rows]
        if page.next is None:
            return found
        cursor = read_cursor(page.next, BACKUPS, wanted)


def backwards(query: str, *, few: int = FEW, size: int = 7) -> list[uuid.UUID]:
    wanted = parse(QueryDict(query), BACKUPS)
    pages = Pages(BACKUPS, wanted, NOW, few=few)
    found: list[uuid.UUID] = []
    cursor = LAST
    while True:
        page = pages.page(cursor, size, "id")
        found = [row["id"] for row in page.rows] + found
        if page.previous is None:
            return found
        cursor = read_cursor(page.previous, BACKUPS, wanted)


def need(row: dict[str, Any]) -> tuple[int, float]:
    """How much a row needs somebody, the worst being 0; of one rank the newest needs it most."""
    state, status = row["tracking_state"], row["status"]
    by_tracking = -row["tracked_at"].timestamp()
    has_time = row["created_at"] is not None
    by_time = -row["created_at"].timestamp() if has_time else by_tracking
    is_stuck = row["stuck_at"] is not None and row["stuck_at"] <= NOW and status in IN_FLIGHT
    if state == "gone":
        return 8, by_tracking
    if status in FAILED:
        return 0 if has_time else 1, by_time
    if is_stuck and state == "fresh":
        return 2, by_tracking
    if state == "stale":
        return 3, -row["refreshed_at"].timestamp()
    if state == "pending":
        return 4, by_tracking
    if status in IN_FLIGHT:
        return 5, by_tracking
    return 6 if has_time else 7, by_time


def shown_name(row: dict[str, Any]) -> str | None:
    if row["volume_id"] is None:
        return None
    return SHOWN.get((row["cloud_id"], row["volume_id"]), "a disk")


def in_order(rows: list[dict[str, Any]], ordering: str) -> list[uuid.UUID]:
    """By Python: code points, nulls last both ways, then the ID."""
    word = ordering.lstrip("-")
    column = {"cloud": "cloud_id"}.get(word, word)
    keyed = []
    for row in rows:
        values = {**row, "volume_name": shown_name(row), "attention": need(row)}
        keyed.append((values[column], row["id"]))
    keyed.sort(key=lambda pair: pair[1])
    given = sorted(
        (pair for pair in keyed if pair[0] is not None),
        key=lambda pair: pair[0],
        reverse=ordering.startswith("-"),
    )
    return [pk for _, pk in [*given, *(pair for pair in keyed if pair[0] is None)]]


@pytest.mark.parametrize("ordering", BACKUPS.orderings)
def test_one_statement_gives_the_keys_in_order(rows: list[dict[str, Any]], ordering: str) -> None:
    pages = Pages(BACKUPS, parse(QueryDict(f"ordering={ordering}"), BACKUPS), NOW)
    assert list(pages.ordered_keys()) == in_order(rows, ordering)


@pytest.mark.parametrize("few", [0, 10_000], ids=["walked", "gathered"])
@pytest.mark.parametrize("ordering", BACKUPS.orderings)
def test_every_order_holds_every_row_once_both_ways(
    rows: list[dict[str, Any]], ordering: str, few: int
) -> None:
    query = f"ordering={ordering}&cloud=otc&cloud=Silent"
    expected = in_order(rows, ordering)
    assert ids(query, few=few) == expected
    assert backwards(query, few=few) == expected


MATCHES: dict[str, Any] = {
    "status=error": lambda r: r["status"] == "error",
    "status=error&status=null": lambda r: r["status"] in ("error", None),
    "name=": lambda r: r["name"] == "",
    "name=stra%C3%9Fe": lambda r: r["name"] == "straße",
    "size=null": lambda r: r["size"] is None,
    "size_min=1": lambda r: r["size"] is not None and r["size"] >= 1,
    "size_max=1": lambda r: r["size"] is not None and r["size"] <= 1,
    "throughput_mb_s_min=0.6": lambda r: r["throughput_mb_s"] == 1e300,
    "bootable=true&bootable=null": lambda r: r["bootable"] is not False,
    "kind=full": lambda r: r["kind"] == "full",
    "created_at=2026-11-23T12:00:00Z": lambda r: r["created_at"] == NOW,
    "created_at_after=2026-11-23T12:00:00Z": lambda r: r["created_at"] == NOW,
    "created_at_after=2026-11-23T13:00:00%2B01:00": lambda r: r["created_at"] == NOW,
    "created_at_after=2026-11-23T13:00:00+01:00": lambda r: r["created_at"] == NOW,
    "created_at_before=2026-11-22": lambda r: r["created_at"] == NOW - timedelta(days=1),
    "created_at_before=2026-11-23": lambda r: r["created_at"] is not None,
    "tracking_state=fresh": lambda r: r["tracking_state"] == "fresh",
    "tracking_state=stale&tracking_state=gone": lambda r: r["tracking_state"] in ("stale", "gone"),
    "tracking_state=pending": lambda r: r["tracking_state"] == "pending",
    "q=STRASSE": lambda r: r["name"] in ("straße", "STRASSE"),
    "q=%C3%84": lambda r: r["name"] in ("ä", "Ä"),
    "q=nightly+of": lambda r: r["description"] == "Nightly of DB",
    "q=V1": lambda r: r["volume_id"] == "v1",
    "q=%25": lambda r: False,
    "cloud=otc&kind=full&q=of+db": lambda r: (
        (r["cloud_id"], r["kind"], r["description"]) == ("otc", "full", "Nightly of DB")
    ),
    "status=weird": lambda r: False,
    "progress=99999999": lambda r: False,
}


@pytest.mark.parametrize("few", [0, 10_000], ids=["walked", "gathered"])
@pytest.mark.parametrize("query", list(MATCHES))
def test_a_filter_finds_what_python_finds(rows: list[dict[str, Any]], query: str, few: int) -> None:
    expected = in_order([row for row in rows if MATCHES[query](row)], "-created_at")
    assert ids(query, few=few) == expected
    wanted = parse(QueryDict(query), BACKUPS)
    assert Pages(BACKUPS, wanted, NOW, few=few).page(None, 1, "id", count=True).matching == len(
        expected
    )


def test_every_word_is_a_filter_but_the_four_that_hold_lists_and_objects(
    rows: list[dict[str, Any]],
) -> None:
    shown = set(rows[0]) - {"cloud_id"} | {"cloud"}
    engine = shown - set(BACKUPS.fields)
    assert engine & {"links", "unmapped", "error", "decode_problems"} == {
        "links",
        "unmapped",
        "error",
        "decode_problems",
    }
    for word in BACKUPS.fields.values():
        if word.nullable:
            assert ids(f"{word.name}=null", size=100) == in_order(
                [row for row in rows if row[word.name] is None], "-created_at"
            )


def test_a_tag_finds_what_carries_it(rows: list[dict[str, Any]]) -> None:
    one, two, three = (row["id"] for row in rows[:3])
    BackupTag.objects.replace({one: ["prod", "db"], two: ["Prod"], three: ["db"]})
    BackupTag.objects.replace({three: ["web"]})
    found = {
        query: set(ids(query)) for query in ("tag=prod", "tag=prod&tag=web", "tag=db", "tag=none")
    }
    assert found == {
        "tag=prod": {one},
        "tag=prod&tag=web": {one, three},
        "tag=db": {one},
        "tag=none": set(),
    }


@pytest.mark.parametrize(
    ("query", "key"),
    [
        *(
            ("links=x", "links"),
            ("unmapped=x", "unmapped"),
            ("error=x", "error"),
            ("decode_problems=x", "decode_problems"),
        ),
        *(
            ("digest=x", "digest"),
            ("size=x", "size"),
            ("size=NaN", "size"),
            ("size_min=", "size_min"),
        ),
        *(
            ("size_after=1", "size_after"),
            ("name_min=a", "name_min"),
            ("size_min=1&size_min=2", "size_min"),
        ),
        *(("size=9223372036854775808", "size"), ("throughput_mb_s_min=inf", "throughput_mb_s_min")),
        *(
            ("created_at_after=yesterday", "created_at_after"),
            ("created_at=2026-13-01", "created_at"),
        ),
        *(("created_at_before=0001-01-01T00:00:00%2B14:00", "created_at_before"), ("id=1", "id")),
        *(
            ("bootable=yes", "bootable"),
            ("kind=null", "kind"),
            ("status=%00", "status"),
            ("q=%00", "q"),
        ),
        *(
            ("ordering=digest", "ordering"),
            ("ordering=", "ordering"),
            ("ordering=name&ordering=id", "ordering"),
        ),
        ("q=" + "x" * 201, "q"),
        ("&".join(["status=x"] * 101), "status"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name_and_the_rest_is_kept(query: str, key: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        parse(QueryDict(f"{query}&cloud=otc&cursor=abc"), BACKUPS, ignored_keys={"cursor"})
    assert (list(refused.value.errors), refused.value.valid_part) == ([key], "cloud=otc")
    assert refused.value.errors[key].startswith(f"{key} ")


def test_a_rest_that_no_address_can_hold_is_left_out() -> None:
    with pytest.raises(InvalidQuery) as refused:
        parse(
            QueryDict(f"q={'x' * 150}&bad=1&{'&'.join(f'status={n:080}' for n in range(99))}"),
            BACKUPS,
        )
    assert (list(refused.value.errors), refused.value.valid_part) == (["bad"], "")


def test_a_key_too_long_to_be_told_whole_is_left_out_whole() -> None:
    long = "k" * 300
    with pytest.raises(InvalidQuery) as refused:
        parse(QueryDict(f"cloud=otc&{long}=1"), BACKUPS)
    assert (list(refused.value.errors), refused.value.valid_part) == (["k" * 80], "cloud=otc")


def test_an_untouched_form_filters_nothing_and_keeps_its_own_words_apart() -> None:
    wanted = parse(
        QueryDict("status=&q=+&cloud=+otc&live=off"),
        BACKUPS,
        ignored_keys={"live"},
        blank_is_any=True,
    )
    assert (wanted.any, dict(wanted.raw_values)) == (True, {"cloud": ("otc",)})
    assert without(QueryDict("a=1&a=2&b=3&cursor=x"), "b") == "a=1&a=2"


def test_a_cursor_of_another_order_or_of_nobody_is_refused(rows: list[dict[str, Any]]) -> None:
    by_name = parse(QueryDict("ordering=name"), BACKUPS)
    given = Pages(BACKUPS, by_name, NOW).page(None, 5, "id").next
    assert given is not None
    others = [
        parse(QueryDict(f"ordering={one}"), BACKUPS) for one in ("-name", "size", "attention")
    ]
    for selection in others:
        with pytest.raises(BadCursor):
            read_cursor(given, BACKUPS, selection)
    forged = [
        '["backups", "name", 0, 1, "x", "1"]',
        '["backups", "name", 0, 0, null, 1]',
        "[]",
        "1",
        "null",
        '{"a": 1}',
    ]
    for text in ["x", "=", "cD0yMDI2", "é", "A" * 9000, *(_encoded(one) for one in forged)]:
        with pytest.raises(BadCursor):
            read_cursor(text, BACKUPS, by_name)


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def counted(query: str, access: Access) -> tuple[set[int], int | None]:
    """The numbers of the backups of a list, walked, and how many it says there are."""
    wanted = parse(QueryDict(query), BACKUPS)
    rows = Backup.objects.visible_to(access)
    once = left_out(wanted, access)
    pages = [Pages(BACKUPS, wanted, NOW, rows=rows, few=few, left_out=once) for few in (0, FEW)]
    walked, gathered = [one.page(None, 100, "id", count=True) for one in pages]
    assert walked == gathered
    assert {row["id"] for row in walked.rows} == set(pages[0].ordered_keys())
    return {row["id"].int for row in walked.rows}, walked.matching


def test_a_backup_that_two_services_show_is_listed_once() -> None:
    for name in ("vbs", "cbr"):
        Cloud.objects.create(name=name, last_good_at=NOW)
    for number, cloud, same_as in (
        (1, "vbs", None),
        (2, "cbr", 1),
        (3, "cbr", None),
        (4, "cbr", 9),
    ):
        Backup.objects.create(
            id=uuid.UUID(int=number),
            cloud_id=cloud,
            status="available",
            tracked_at=NOW,
            same_as=None if same_as is None else uuid.UUID(int=same_as),
        )
    of_all = FULL_ACCESS
    assert counted("", of_all) == counted("status=available", of_all) == ({1, 3, 4}, 3)
    assert counted("cloud=cbr", of_all) == ({3, 4}, 2)
    # Who asks for it gets it, and who cannot see the other one does as well.
    assert counted(f"id={uuid.UUID(int=2)}", of_all) == ({2}, 1)
    assert counted(f"same_as={uuid.UUID(int=1)}", of_all) == ({2}, 1)
    assert counted("same_as=null", of_all) == ({1, 3}, 2)
    assert counted("", FULL_ACCESS.within(frozenset({"cbr"}))) == ({2, 3, 4}, 3)
