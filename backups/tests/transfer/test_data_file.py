"""The file of `backup_data`: what goes in comes out, and what is wrong with a file is said."""

import gzip
import io
import json
import uuid
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backups.transfer import data_file
from backups.transfer.data_file import (
    CUT_OFF,
    DAMAGED,
    NOT_OURS,
    DataFileReader,
    DataFileWriter,
    Header,
    NotReadable,
    Table,
)

TABLES = (Table("auth.user", ("id", "name"), 2), Table("backups.tag", ("id",), 1))
HEADER = Header(
    made_at="2030-01-02T03:04:05+00:00", migrations={"auth": ["0001_initial"]}, tables=TABLES
)
ROWS: list[list[object]] = [[1, "ada"], [2, None], [10**18]]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def written(rows: list[list[object]] = ROWS, header: Header = HEADER) -> bytes:
    out = io.BytesIO()
    writer = DataFileWriter(out)
    writer.header(header)
    for row in rows:
        writer.row(row)
    writer.finish()
    return out.getvalue()


def read(content: bytes) -> tuple[Header, list[list[object]]]:
    reader = DataFileReader(io.BytesIO(content))
    rows: list[list[object]] = []
    for table in reader.header.tables:
        rows.extend(row for row, _ in reader.rows(table))
    reader.finish()
    return reader.header, rows


def lines_of(content: bytes) -> list[bytes]:
    return gzip.decompress(content).splitlines(keepends=True)


def refused(content: bytes) -> str:
    with pytest.raises(NotReadable) as refusal:
        read(content)
    return str(refusal.value)


@settings(max_examples=50, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(st.lists(values, min_size=2, max_size=2), min_size=2, max_size=2))
def test_what_goes_in_comes_out(rows: list[list[object]]) -> None:
    header = Header(made_at="", migrations={}, tables=TABLES[:1])
    assert read(written(rows, header)) == (header, rows)


def test_the_header_comes_back_as_it_was() -> None:
    assert read(written()) == (HEADER, ROWS)
    assert HEADER.rows == 3


def test_ids_and_days_are_texts_and_what_has_no_form_is_an_error() -> None:
    one = uuid.UUID(int=7)
    assert read(written([[one, date(2030, 1, 2)], [2, None], [1]]))[1][0] == [
        "00000000-0000-0000-0000-000000000007",
        "2030-01-02",
    ]
    with pytest.raises(TypeError, match="bytes has no form in the file"):
        written([[1, b"x"]])


def test_a_file_that_ends_too_early_is_said_to_be_cut_off() -> None:
    content = written()
    for length in range(1, len(content)):
        assert refused(content[:length]) in (CUT_OFF, NOT_OURS, DAMAGED)
    lines = lines_of(content)
    # Cut where a line ends, and packed anew.
    for count in range(1, len(lines)):
        assert refused(gzip.compress(b"".join(lines[:count]))) == CUT_OFF
    assert refused(gzip.compress(b"")) == NOT_OURS


def test_a_changed_value_is_noticed() -> None:
    lines = lines_of(written())
    for changed in (b'[1,"eve"]\n', b'[1,"ada","x"]\n', b'{"1":2}\n', b"[1,\n", b"[" * 10**5):
        assert refused(gzip.compress(b"".join([lines[0], changed, *lines[2:]]))) == DAMAGED
    assert refused(gzip.compress(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))) == DAMAGED
    assert refused(gzip.compress(b"".join([*lines[:2], *lines[3:]]))) == DAMAGED


def test_a_changed_byte_never_changes_a_value() -> None:
    content = written()
    refusals = 0
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x40
        try:
            # A few bits of gzip mean nothing: the time in its head, the last bits of its last byte.
            assert read(bytes(changed)) == (HEADER, ROWS)
        except NotReadable:
            refusals += 1
    assert refusals > len(content) * 0.9


def test_what_comes_behind_the_end_is_refused() -> None:
    assert refused(written() + written()) == "it goes on behind its end"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-- PostgreSQL database dump\n",
        b"SQLite format 3\x00" * 64,
        gzip.compress(b"BEGIN;\n"),
        gzip.compress(b'[{"model": "auth.user"}]\n'),
        gzip.compress(b'{"vbsdash_data": "1"}\n'),
        gzip.compress(b"\xff\xfe\n"),
        gzip.compress(b"[" * 10**5 + b"\n"),
    ],
    ids=["empty", "dump", "SQLite", "SQL", "dumpdata", "text", "bytes", "brackets"],
)
def test_another_file_is_said_to_be_none_of_ours(content: bytes) -> None:
    assert refused(content) == NOT_OURS


@pytest.mark.parametrize(
    "change",
    [
        {"migrations": []},
        {"migrations": {"auth": [1]}},
        {"tables": {}},
        {"tables": [1]},
        {"tables": [{"table": "auth.user", "columns": ["id"], "rows": -1}]},
        {"tables": [{"table": "auth.user", "columns": "id", "rows": 1}]},
        {"tables": [{"table": "auth.user", "rows": 1}]},
    ],
)
def test_a_header_of_another_form_is_damage(change: dict[str, object]) -> None:
    header = json.loads(lines_of(written())[0])
    assert refused(gzip.compress(json.dumps(header | change).encode() + b"\n")) == DAMAGED


def test_a_form_of_a_later_day_is_named() -> None:
    lines = lines_of(written())
    later = json.dumps(json.loads(lines[0]) | {"vbsdash_data": 2}).encode() + b"\n"
    assert "a newer version of vbsdash made it" in refused(gzip.compress(later))


def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_file, "LONGEST_LINE", 1000)
    lines = lines_of(written())
    content = gzip.compress(lines[0] + b"[" + b"1," * 1000)
    assert refused(content) == "a line of it has no end"
