"""The file of `manage.py backup_data`: gzip, one JSON value a line.

    {"vbsdash_data": 1, "made_at": …, "migrations": {app: [name, …]}, "tables": [{…}, …]}
    [1, "ada", …]
    {"rows": 123456, "sha256": "…"}

The first line names the tables in their order, each with its columns and how many rows it has. The
rows follow, one a line. The last line proves that all is there: its checksum is of every byte above
it. A line at a time is in memory, on both ways.

Values are JSON's own. Times are texts in UTC with six digits behind the second, UUIDs are texts.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Final
from uuid import UUID

FORMAT: Final = 1
# Level 6 takes three times as long for a file that is a tenth smaller.
COMPRESSION_LEVEL: Final = 2
BUFFER_BYTES: Final = 2**20
# A line is a row; the widest column is the answer of a cloud, of at most 8 MiB, six times as long
# where all of it is escaped.
LONGEST_LINE: Final = 128 * 2**20
NOT_OURS: Final = "it is no file of manage.py backup_data"
CUT_OFF: Final = "it is cut off: the end is missing"
DAMAGED: Final = "it is damaged: its checksum does not match"

Row = Sequence[object]


class NotReadable(Exception):
    """The text says what is wrong with the file, as the second half of a sentence."""


@dataclass(frozen=True)
class Table:
    """`label`: app and model in small letters, `auth.user`."""

    label: str
    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Header:
    """`made_at`: ISO 8601. `migrations`: the names of those applied, by app."""

    made_at: str
    migrations: Mapping[str, Sequence[str]]
    tables: tuple[Table, ...]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


class DataFileWriter:
    """Writes to `out`, which stays open. `finish` is what makes it a whole file."""

    def __init__(self, out: BinaryIO) -> None:
        self._gzip = gzip.GzipFile(
            filename="", mode="wb", compresslevel=COMPRESSION_LEVEL, fileobj=out
        )
        # Without one each line would be a call of the compressor.
        self._buffer = io.BufferedWriter(self._gzip, BUFFER_BYTES)
        self._checksum = hashlib.sha256()
        self._rows = 0

    def header(self, header: Header) -> None:
        tables = [
            {"table": table.label, "columns": table.columns, "rows": table.rows}
            for table in header.tables
        ]
        self._line(
            {
                "vbsdash_data": FORMAT,
                "made_at": header.made_at,
                "migrations": header.migrations,
                "tables": tables,
            }
        )

    def row(self, row: Row) -> None:
        self._line(row)
        self._rows += 1

    def finish(self) -> None:
        self._line({"rows": self._rows, "sha256": self._checksum.hexdigest()})
        self._buffer.flush()
        self._gzip.close()

    def _line(self, value: object) -> None:
        text = json.dumps(value, separators=(",", ":"), default=_as_text)
        line = text.encode("ascii") + b"\n"
        self._checksum.update(line)
        self._buffer.write(line)


def _as_text(value: object) -> str:
    """A type that nobody thought of is an error, and no guess."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in the file")


class DataFileReader:
    """Reads from `source`: `header` at once, then `rows` of each of its tables, then `finish`.

    Raises NotReadable.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._lines = io.BufferedReader(gzip.GzipFile(fileobj=source, mode="rb"), BUFFER_BYTES)
        self._checksum = hashlib.sha256()
        self._rows = 0
        self.header = self._header()

    def rows(self, table: Table) -> Iterator[tuple[list[object], int]]:
        """Yields each row of the table that comes next, with the bytes of its line."""
        for _ in range(table.rows):
            line = self._line()
            row = _json(line)
            if not isinstance(row, list) or len(row) != len(table.columns):
                raise NotReadable(DAMAGED)
            self._rows += 1
            yield row, len(line)

    def finish(self) -> None:
        """Checks that the file was whole."""
        checksum = self._checksum.hexdigest()
        end = _json(self._line())
        if not isinstance(end, dict) or end != {"rows": self._rows, "sha256": checksum}:
            raise NotReadable(DAMAGED)
        if self._read():
            raise NotReadable("it goes on behind its end")

    def _header(self) -> Header:
        try:
            line = self._line()
        except NotReadable as e:
            # Damage to the first bytes cannot be told from another kind of file.
            raise NotReadable(NOT_OURS) from e
        try:
            header = json.loads(line)
        except (ValueError, RecursionError) as e:
            raise NotReadable(NOT_OURS) from e
        if not isinstance(header, dict) or not isinstance(header.get("vbsdash_data"), int):
            raise NotReadable(NOT_OURS)
        if header["vbsdash_data"] > FORMAT:
            raise NotReadable("a newer version of vbsdash made it: restore it with that one")
        try:
            return _header_of(header)
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise NotReadable(DAMAGED) from e

    def _line(self) -> bytes:
        line = self._read()
        if not line.endswith(b"\n"):
            raise NotReadable(CUT_OFF if len(line) < LONGEST_LINE else "a line of it has no end")
        self._checksum.update(line)
        return line

    def _read(self) -> bytes:
        try:
            return self._lines.readline(LONGEST_LINE)
        except EOFError as e:
            raise NotReadable(CUT_OFF) from e
        except (gzip.BadGzipFile, zlib.error) as e:
            raise NotReadable(DAMAGED) from e


def _header_of(value: Mapping[str, object]) -> Header:
    migrations: dict[str, list[str]] = {}
    for app, names in _mapping(value["migrations"]).items():
        migrations[app] = _texts(names)
    tables: list[Table] = []
    for entry in _list(value["tables"]):
        table = _mapping(entry)
        rows = table["rows"]
        if not isinstance(rows, int) or rows < 0:
            raise ValueError(rows)
        tables.append(Table(str(table["table"]), tuple(_texts(table["columns"])), rows))
    return Header(str(value["made_at"]), migrations, tuple(tables))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(type(value))
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(type(value))
    return value


def _texts(value: object) -> list[str]:
    texts = []
    for text in _list(value):
        if not isinstance(text, str):
            raise TypeError(type(text))
        texts.append(text)
    return texts


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as e:
        raise NotReadable(DAMAGED) from e
