"""The IDs in tables: those that clients draw, Markdown, CSV, columns between tabs or blanks."""

import csv
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from backups.edits.pasted_labels import (
    BACKUP,
    Sureness,
    holds_backup_id,
    key_meaning,
    left_out,
    object_kind,
    says_only,
    type_meaning,
    words_of,
)
from backups.edits.pasted_pieces import Piece
from backups.vbs.id_text import canonical

# Characters: a cell of our own CSV may hold a whole answer of a cloud.
csv.field_size_limit(2**24)
ANOTHER_COLUMN = "an ID of another column"
_BORDER = frozenset(" \t|+:=-")
_LEVEL = frozenset("+=-")
_MARKDOWN_BORDER = re.compile(r"(?:\|[ \t]*:?-{3,}:?[ \t]*)+\|?")
_MOST_COLUMNS = 1_000
_HEADER_WORD = re.compile(
    r"\b(?:\w*id|ids|\w*uuid|guid|backups?|volumes?|disks?|sicherung|field|property|key|attribute|name)\b",
    re.IGNORECASE,
)
_HEX_PART = re.compile(r"[0-9A-Fa-f-]{1,35}")
_NARROWEST = 4  # characters of a column in which a client breaks an ID
_DELIMITERS = "\t;,|"
_LONGEST_HEADER = 2_000  # characters
_LONGEST_ROW = 4_000  # characters of a row whose cells hold several lines
_KEY_NAMES_TEXT = "field property key attribute name parameter item column"
_KEY_NAMES = frozenset(_KEY_NAMES_TEXT.split())
_VALUE_NAMES = frozenset(["value", "values", "content"])
_BETWEEN = re.compile(r"\s{2,}|\t")

Row = list[str]


@dataclass(frozen=True)
class Columns:
    """Which column of a table holds the backups' IDs, and whose the others are. `own` is None when
    the table lists something else.
    """

    own: int | None
    others: Mapping[int, str]


def may_be_header(line: str) -> bool:
    """Is it worth while to look closer whether this line is the header of a table?"""
    return len(line) <= _LONGEST_HEADER and _HEADER_WORD.search(line) is not None


def is_border(line: str) -> bool:
    return len(line) > 1 and _BORDER.issuperset(line) and not _LEVEL.isdisjoint(line)


def is_drawn(line: str) -> bool:
    """Is this a line of a table with upright borders, or the border of one?"""
    stripped = line.strip()
    if stripped.startswith("|"):
        return stripped.count("|") <= _MOST_COLUMNS
    return stripped.startswith(("+-", "+=")) and is_border(stripped)


def drawn_length(lines: Sequence[str]) -> int:
    """Returns how many lines the drawn table has that the first line begins.

    Another one may follow at once: its upper border after the lower one of the first, or, in
    Markdown, a header with the border below it.
    """
    length = 0
    was_border = False
    for line in lines:
        if not is_drawn(line):
            break
        stripped = line.strip()
        border = stripped.startswith("+") and is_border(stripped)
        if border and was_border:
            break
        if length > 2 and _MARKDOWN_BORDER.fullmatch(stripped):
            return length - 1
        was_border = border
        length += 1
    return length


def cells_of(line: str) -> Row:
    stripped = line.strip()
    if stripped.startswith("||"):
        # So headers are marked in Jira.
        stripped = stripped.replace("||", "|")
    if stripped.startswith("|"):
        stripped = stripped[1:]
    if stripped.endswith("|"):
        stripped = stripped[:-1]
    return [cell.strip().strip("*`\"'") for cell in stripped.split("|")]


def drawn_rows(lines: Sequence[str]) -> list[Row]:
    """Returns the rows of a drawn table, those that were wrapped put together again; an empty row
    stands for a border.
    """
    rows: list[Row] = []
    for line in lines:
        if is_border(line.strip()):
            if rows and rows[-1]:
                rows.append([])
        else:
            rows.append(cells_of(line))
    return _unwrapped(rows)


def _unwrapped(rows: Sequence[Row]) -> list[Row]:
    """Puts a cell that goes on in the rows below together when that makes an ID of it."""
    joined: list[Row] = []
    is_used = [False] * len(rows)
    for number, row in enumerate(rows):
        if is_used[number]:
            continue
        whole = list(row)
        last = number
        for column, cell in enumerate(row):
            if len(cell) < _NARROWEST or not _HEX_PART.fullmatch(cell):
                continue
            end = _end_of_wrapped(rows, number, column)
            if end is not None:
                whole[column] = "".join(below[column] for below in rows[number : end + 1])
                last = max(last, end)
        for used in range(number + 1, last + 1):
            is_used[used] = True
        joined.append(whole)
    return joined


def _end_of_wrapped(rows: Sequence[Row], number: int, column: int) -> int | None:
    """Returns the row in which an ID ends that begins in this cell."""
    text = rows[number][column]
    is_whole = canonical(text) is not None
    end = number
    while not is_whole and end + 1 < len(rows):
        end += 1
        below = rows[end]
        if column >= len(below) or not _HEX_PART.fullmatch(below[column]):
            return None
        text += below[column]
        if len(text) > 36:
            return None
        if len(text) in (32, 36) and canonical(text) is not None:
            return end
    return None


def pieces_of_drawn(lines: Sequence[str], kind: str | None) -> list[Piece] | None:
    """Returns the pieces of a drawn table; None when its lines are to be read as text. `kind`: what
    its rows are, as far as something outside of it says.
    """
    rows = drawn_rows(lines)
    while rows and not rows[0]:
        rows.pop(0)
    if not rows:
        return []
    header = _header_of(rows)
    if is_property_header(header):
        return pieces_of_properties(rows[1:], kind)
    has_id = any(canonical(cell) for cell in header)
    columns = None if has_id else columns_of(header, kind)
    if columns is not None:
        start = rows.index([]) if [] in rows[:4] else 0
        return list(pieces_of_rows(rows[start + 1 :], columns, header))
    filled = [row for row in rows if row]
    if all(len(row) == 2 and not canonical(row[0]) for row in filled):
        return pieces_of_properties(filled, kind)
    if all(any(canonical(cell) for cell in row) for row in filled):
        return list(pieces_of_rows(filled, _first_ids(filled, kind), ()))
    return None


def _header_of(rows: Sequence[Row]) -> Row:
    """Returns the header, of which a cell may go on in the rows below until the border."""
    if [] not in rows[:4]:
        return rows[0]
    header = [""] * len(rows[0])
    for row in rows[: rows.index([])]:
        for column, cell in enumerate(row[: len(header)]):
            header[column] = f"{header[column]} {cell}".strip()
    return header


def _first_ids(rows: Sequence[Row], kind: str | None) -> Columns:
    """Rows that were picked from a table, without its header: the clients print the ID first."""
    own = min(
        column for row in rows for column, cell in enumerate(row) if canonical(cell) is not None
    )
    widest = max(len(row) for row in rows)
    others = dict.fromkeys(range(own + 1, widest), ANOTHER_COLUMN)
    other = left_out(kind)
    return Columns(own, others) if other is None else Columns(None, {own: other, **others})


def is_property_header(row: Sequence[str]) -> bool:
    if len(row) < 2:
        return False
    return row[0].strip().lower() in _KEY_NAMES and row[1].strip().lower() in _VALUE_NAMES


def pieces_of_properties(rows: Sequence[Sequence[str]], kind: str | None) -> list[Piece]:
    """Returns the pieces of what clients print of one object: the name of a field, its value."""
    objects: list[dict[str, str]] = [{}]
    key = ""
    for row in rows:
        if is_property_header(row) or not row:
            continue
        value = row[1].strip() if len(row) > 1 else ""
        if row[0].strip():
            key = row[0].strip()
            if key in objects[-1] and holds_backup_id(key):
                objects.append({})
            objects[-1][key] = value
        elif key:
            objects[-1][key] += value
    pieces = []
    for fields in objects:
        pieces += pieces_of_object(fields, kind)
    return pieces


def pieces_of_object(fields: Mapping[str, str], kind: str | None) -> list[Piece]:
    """Returns the pieces of one object, whose own ID counts if it is a backup."""
    own_key = None
    for key, value in fields.items():
        is_surer = own_key is None or holds_backup_id(key) > holds_backup_id(own_key)
        if is_surer and _may_hold_own(key, value):
            own_key = key
    pieces = []
    for key, value in fields.items():
        of_key = key_meaning(key)
        if key == own_key:
            pieces.append(
                _own_piece(key, value, kind or object_kind(fields) or type_meaning(fields))
            )
        elif left_out(of_key) is not None and canonical(value) is not None:
            pieces.append(Piece(value, of_key))
    return pieces


def _may_hold_own(key: str, value: str) -> bool:
    sureness = holds_backup_id(key)
    if sureness == Sureness.NONE:
        return False
    if not sureness.names_backup:
        return value != ""
    is_value = value not in ("None", "", "null")
    return canonical(value) is not None or (sureness == Sureness.BACKUP_ID and is_value)


def _own_piece(key: str, value: str, kind: str | None) -> Piece:
    return Piece(value, None if holds_backup_id(key).names_backup else left_out(kind))


def columns_of(header: Sequence[str], kind: str | None) -> Columns | None:
    """Returns what the columns below a header hold; None when it is no header."""
    own = None
    best = Sureness.NONE
    others = {}
    for column, cell in enumerate(header):
        if len(cell) > 60:
            continue
        sureness = holds_backup_id(cell)
        if sureness > best:
            best = sureness
            own = column
        other = left_out(key_meaning(cell))
        if other is not None:
            others[column] = other
    if own is None:
        says_id = any("id" in words_of(header[column]) for column in others)
        return Columns(None, others) if says_id else None
    signature = left_out(kind or object_kind(header))
    if signature is not None and not best.names_backup:
        return Columns(None, {**others, own: signature})
    return Columns(own, others)


def pieces_of_rows(
    rows: Sequence[Sequence[str]], columns: Columns, header: Sequence[str]
) -> Iterator[Piece]:
    names = [cell.lower() for cell in header]
    explicit = [at for at, cell in enumerate(header) if holds_backup_id(cell).names_backup]
    for row in rows:
        if [cell.lower() for cell in row] == names:
            continue
        own = columns.own
        if own is not None and not _holds_id(row, own):
            # The column may number the rows, and a less sure one hold the IDs.
            own = next((at for at in explicit if _holds_id(row, at)), own)
        if own is not None and own < len(row) and row[own].strip():
            kind_of_row = None
            if own not in explicit:
                kind_of_row = type_meaning(dict(zip(header, row, strict=False)))
            is_other = kind_of_row not in (None, BACKUP)
            yield Piece(row[own].strip(), kind_of_row if is_other else None)
        for column, kind in columns.others.items():
            if column < len(row) and canonical(row[column]) is not None:
                yield Piece(row[column].strip(), kind)


def _holds_id(row: Sequence[str], column: int) -> bool:
    return column < len(row) and canonical(row[column]) is not None


def delimiter_of(line: str, below: str) -> str | None:
    """Returns what separates the cells of a line that is the header of CSV or its kin, None when it
    is none. `below` are the next lines that hold anything.
    """
    for delimiter in _DELIMITERS:
        if delimiter in line and delimiter in below:
            cells = header_cells(line, delimiter)
            if _is_header(cells):
                return delimiter
    return None


def _is_header(cells: Sequence[str]) -> bool:
    for cell in cells:
        if len(cell) > 60 or len(cell.split()) > 4 or canonical(cell) is not None:
            return False
    if is_property_header(cells):
        return True
    columns = columns_of(cells, None)
    if columns is None:
        return False
    return columns.own is None or says_only(words_of(cells[columns.own]))


def header_cells(line: str, delimiter: str) -> Row:
    try:
        [cells] = csv.reader([line], delimiter=delimiter)
    except (csv.Error, ValueError):
        return []
    return [cell.strip().strip("\"'*` ") for cell in cells]


def rows_of_browser(lines: Sequence[str], tabs: int) -> list[Row] | None:
    """Returns the rows of a table that was copied from a page, whose cells hold several lines: of
    each cell the ID. None where the rows do not come out with this many tabs.
    """
    rows = []
    row = ""
    for line in lines:
        row = f"{row}\n{line}"
        if row.count("\t", 0, _LONGEST_ROW) > tabs or len(row) > _LONGEST_ROW:
            return None
        if "\t" in line and row.count("\t") == tabs:
            parts = row[1:].split("\n")
            if len(parts) > 1 and all("\t" in part for part in parts):
                # Rows that end before their last cells.
                return None
            rows.append([_id_in(cell) for cell in row.split("\t")])
            row = ""
    return None if "\t" in row else rows


def _id_in(cell: str) -> str:
    ids = [line for line in cell.splitlines() if canonical(line) is not None]
    return ids[0] if ids else cell.strip()


def aligned_header(line: str) -> list[tuple[int, str]] | None:
    """Returns the headers that stand above columns with blanks between, each with its place; None
    when the line is no such header.
    """
    stripped = line.strip()
    if not stripped or any(c in stripped for c in ",;|:=\"'{}[]()"):
        return None
    headers = []
    at = len(line) - len(line.lstrip())
    for cell in _BETWEEN.split(stripped):
        if canonical(cell) is not None:
            return None
        at = line.index(cell, at)
        headers.append((at, cell))
        at += len(cell)
    if len(headers) < 2 or not any(holds_backup_id(cell) > 1 for _, cell in headers):
        return None
    return headers


def aligned_cells(line: str, headers: Sequence[tuple[int, str]]) -> Row:
    """Returns the cells of a line by the header that each of them stands below."""
    cells = [""] * len(headers)
    at = 0
    for part in _BETWEEN.split(line.strip()):
        at = line.index(part, at)
        end = at + len(part)
        first = max(0, bisect_right(headers, at, key=itemgetter(0)) - 1)
        last = bisect_right(headers, end, key=itemgetter(0))
        near = range(first, min(last + 1, len(headers)))
        column = min(near, key=partial(_distance, headers, at, end))
        cells[column] = f"{cells[column]} {part}".strip()
        at = end
    return cells


def _distance(headers: Sequence[tuple[int, str]], start: int, end: int, column: int) -> float:
    """Returns how far the middle of a cell is from that of a header, less than 0 if one stands
    below the other.
    """
    place, header = headers[column]
    header_end = place + len(header)
    overlap = min(end, header_end) - max(start, place)
    if overlap > 0:
        return -overlap
    return abs((start + end) - (place + header_end)) / 2
