import json

import pytest

from backups.edits.pasted_ids import read_ids

A = "2ef47aee-8844-490c-804d-2a8efe561c65"
B = "5b2f0c9e-1a6d-4c43-8f7e-2d9a0b1c3e4f"
VOLUME = "3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e10"
TABLE = f"""
+--------------------------------------+------+-------------+-----------+------+
| ID                                   | Name | Description | Status    | Size |
+--------------------------------------+------+-------------+-----------+------+
| {A} | x    | None        | available |    1 |
| {B} | {VOLUME} | None | error     |    1 |
+--------------------------------------+------+-------------+-----------+------+
"""
SHOW = f"+---+---+\n| Field | Value |\n+---+---+\n| id | {A} |\n| volume_id | {VOLUME} |\n+---+---+"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [None]),
        (A, [A]),
        (f"{A.upper()}\n {B}", [A, B]),
        (f"{A}, {B};{A}", [A, B, A]),
        (A.replace("-", ""), [A]),
        (f"http://192.0.2.22:8776/v2/7c1f0c2d9b6e4a0f8d35a1e2b4c6d8f0/backups/{A}", [A]),
        (f"https://vbs.example/7c1f0c2d9b6e4a0f8d35a1e2b4c6d8f0/backups/{A}?x=1", [A]),
        (json.dumps([A, B]), [A, B]),
        (
            json.dumps({"backup": {"id": A, "volume_id": VOLUME, "links": [{"href": f"x/{B}"}]}}),
            [A],
        ),
        (json.dumps({"backups": [{"id": A}, {"ID": B}], "backups_links": []}), [A, B]),
        (f"id,name,volume_id\n{A},one,{VOLUME}\n{B},two,{VOLUME}", [A, B]),
        (f'"ID";"Name"\n"{A}";"one"', [A]),
        (f"id\n{A}\n{B}", [A, B]),
        (TABLE, [A, B]),
        (SHOW, [A]),
        ("| Field | Value |\n| id |", [None]),
        (f"| {A} | x | {VOLUME} | available |\n| {B} |   | {VOLUME} | error     |", [A, B]),
        (f"{A}\n| {B} |", [A, B]),
        (f"id,name\r{A},one\r{B},two\r", [A, B]),
        (f"id,name\n{A}\rx,y", [A, None]),
        (f"id,name\n{A},{'x' * 200_000}\n{B},{VOLUME}", [A, B]),
    ],
)
def test_ids_are_found_in_what_people_paste(text: str, expected: list[str]) -> None:
    assert [line.id for line in read_ids(text) if not line.is_left_out] == expected


@pytest.mark.parametrize(
    "word",
    ["hello", "detail", "../backups", A[:-1], f"{A}0", "https://vbs.example/v2/p/backups/detail"],
)
def test_what_is_no_id_gets_a_reason(word: str) -> None:
    [line] = read_ids(word)
    assert (line.value, line.id) == (word, None)
    assert line.reason
