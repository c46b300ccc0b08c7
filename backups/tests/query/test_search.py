"""Free search finds what people see, on every database alike."""

import uuid

import pytest
from django.http import QueryDict
from django.utils.http import urlencode

from backups.derived import search_names
from backups.models import Backup, Cloud, SearchText, Volume
from backups.query.backups import BACKUPS
from backups.query.definition import ListDefinition
from backups.query.list_query import parse
from backups.query.page import Pages
from backups.query.volumes import VOLUMES
from backups.tests.facts import NOON
from backups.tests.vbs.test_folding import ALIKE
from backups.tests.vbs.test_id_spellings import SPELLINGS

pytestmark = pytest.mark.django_db
ID = uuid.UUID("2ef47aee-8844-490c-804d-2a8efe561c65")
VOLUME = "3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e10"
HEX_SNAPSHOT = "9" * 31 + "a"


@pytest.fixture(autouse=True)
def cloud() -> None:
    Cloud.objects.create(name="otc", last_good_at=NOON, backups_listed_at=NOON)


def backup(number: int = 0, **values: str) -> None:
    row = Backup(id=uuid.UUID(int=ID.int + number), cloud_id="otc", tracked_at=NOON, **values)
    row.save()
    SearchText.objects.put([vars(row)])


def volume(**values: str) -> None:
    row = {"volume_id": VOLUME, "cloud_id": "otc", "first_seen_at": NOON, **values}
    Volume.objects.create(**row)


def count(definition: ListDefinition, q: str) -> int:
    query = parse(QueryDict(urlencode({"q": q})), definition)
    rows = Volume.objects.with_protection(NOON) if definition is VOLUMES else None
    page = Pages(definition, query, NOON, rows=rows).page(None, 10, "pk", count=True)
    assert page.matching == len(page.rows)
    return len(page.rows)


@pytest.mark.parametrize("column", ["name", "description", "fail_reason"])
@pytest.mark.parametrize(("text", "other"), ALIKE)
def test_a_backup_is_found_by_what_looks_like_its_texts(text: str, other: str, column: str) -> None:
    backup(0, **{column: f"before {text} after"})
    backup(1, **{column: "another"})
    assert (count(BACKUPS, f"{other} a"), count(BACKUPS, f"{text} AFTER")) == (1, 1)
    assert count(BACKUPS, f"  BEFORE\u00a0{other}") == 1


@pytest.mark.parametrize("column", ["name", "label", "note"])
@pytest.mark.parametrize(("text", "other"), ALIKE)
def test_a_volume_is_found_by_what_looks_like_its_texts(text: str, other: str, column: str) -> None:
    volume(**{column: f"before {text} after"})
    volume(volume_id="another")
    assert (count(VOLUMES, f"{other} a"), count(VOLUMES, f"{text} AFTER")) == (1, 1)
    assert count(VOLUMES, f"  BEFORE\u00a0{other}") == 1


@pytest.mark.parametrize("column", ["name", "label"])
@pytest.mark.parametrize(("text", "other"), ALIKE)
def test_a_backup_is_found_by_what_its_disk_is_called(text: str, other: str, column: str) -> None:
    backup(0, volume_id=VOLUME)
    backup(1, volume_id="another")
    backup(2)
    volume(**{column: f"before {text} after"})
    volume(volume_id="another", name="plain")
    search_names.bring_up_to_date("otc")
    assert (count(BACKUPS, f"{other} a"), count(BACKUPS, f"{text} AFTER")) == (1, 1)


def test_a_disk_of_the_same_id_in_another_cloud_finds_nothing_here() -> None:
    Cloud.objects.create(name="west")
    backup(0, volume_id=VOLUME)
    volume(cloud_id="west", name="db-prod")
    volume(name="web")
    search_names.bring_up_to_date("otc")
    search_names.bring_up_to_date("west")
    assert [count(BACKUPS, q) for q in ("db-prod", "web")] == [0, 1]


def test_a_name_that_changes_is_searched_from_then_on() -> None:
    backup(0, volume_id=VOLUME)
    volume(name="old name", label="by hand")
    search_names.bring_up_to_date("otc")
    assert [count(BACKUPS, q) for q in ("old name", "by hand", "new")] == [1, 1, 0]
    Volume.objects.update(name="new", label=None)
    assert search_names.bring_up_to_date("otc") == 1
    assert [count(BACKUPS, q) for q in ("old name", "by hand", "new")] == [0, 0, 1]
    Volume.objects.update(name=None)
    assert search_names.bring_up_to_date("otc") == 1
    assert (count(BACKUPS, "new"), search_names.bring_up_to_date("otc")) == (0, 0)


def test_so_many_names_at_once_are_left_for_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search_names, "MOST_AT_ONCE", 2)
    for number in range(3):
        volume(volume_id=f"v{number}", name="db")
        backup(number, volume_id=f"v{number}")
    Volume.objects.update(name="web")
    assert [search_names.bring_up_to_date("otc") for _ in range(3)] == [2, 1, 0]
    assert count(BACKUPS, "web") == 3


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_id_is_found_in_every_spelling(spelling: str) -> None:
    backup(volume_id=VOLUME)
    backup(1, snapshot_id=HEX_SNAPSHOT)
    assert count(BACKUPS, spelling) == 1
    of_volume = spelling.replace(str(ID), VOLUME).replace(str(ID).upper(), VOLUME.upper())
    volume()
    volume(volume_id="another")
    if of_volume != spelling:
        assert (count(BACKUPS, of_volume), count(VOLUMES, of_volume)) == (1, 1)


@pytest.mark.parametrize("length", [7, 8, 9, 12, 13, 20, 31])
def test_an_id_is_found_by_its_beginning(length: int) -> None:
    backup()
    backup(-(2**64))
    backup(2**124)
    digits = ID.hex[:length]
    beginnings = [digits, digits.upper()]
    if length >= 8:
        beginnings += [f"{{{digits}", f"urn:uuid:{digits}", f"\u200b{digits.upper()} "]
    for beginning in beginnings:
        assert count(BACKUPS, beginning) == (2 if length <= 13 else 1)


def test_an_id_that_the_cloud_wrote_without_hyphens_is_found_with_them() -> None:
    backup(snapshot_id=HEX_SNAPSHOT)
    assert count(BACKUPS, str(uuid.UUID(HEX_SNAPSHOT)).upper()) == 1
    assert count(BACKUPS, HEX_SNAPSHOT.upper()) == 1


@pytest.mark.parametrize("wildcard", ["%", "_", "\\", "*", "?", "[a]", ".", "'", '"', "\\%"])
def test_wildcards_stand_for_themselves(wildcard: str) -> None:
    backup(name="plain")
    backup(1, name=f"a{wildcard}b")
    volume(name="plain", volume_id="x")
    volume(name=f"a{wildcard}b")
    for definition in (BACKUPS, VOLUMES):
        assert (count(definition, wildcard), count(definition, f"a{wildcard}B")) == (1, 1)


def test_no_text_is_found_across_two_columns() -> None:
    backup(name="night", description="ly")
    assert (count(BACKUPS, "nightly"), count(BACKUPS, "night ly"), count(BACKUPS, "night\nly")) == (
        0,
        0,
        0,
    )


@pytest.mark.parametrize("q", ["", " ", "\u00a0", "\u200b", "\ufeff\u00ad ", "\u2028", "\ufe0f"])
def test_a_text_that_nobody_sees_filters_nothing(q: str) -> None:
    assert not parse(QueryDict(urlencode({"q": q})), BACKUPS).any
