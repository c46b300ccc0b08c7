"""Backup IDs in what people paste. Pure.

Understood are bare IDs and self-links, what the clients print in each of their formats, JSON, YAML,
CSV, spreadsheets, Terraform, chats, mails, logs and whole sessions of a terminal. What is another
thing's ID is left out and says so.
"""

import csv
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from urllib.parse import unquote

from backups.analysis.numbers import thousands
from backups.edits.pasted_commands import command_of
from backups.edits.pasted_files import restored
from backups.edits.pasted_json import Span, json_spans, pieces_of_json, texts_of
from backups.edits.pasted_labels import meaning, words_of
from backups.edits.pasted_pieces import MOST, Piece, TooMany
from backups.edits.pasted_tables import (
    aligned_cells,
    aligned_header,
    columns_of,
    delimiter_of,
    drawn_length,
    header_cells,
    is_border,
    is_drawn,
    is_property_header,
    may_be_header,
    pieces_of_drawn,
    pieces_of_properties,
    pieces_of_rows,
    rows_of_browser,
)
from backups.edits.pasted_text import ReadLine, TextReader, pieces_of_lines
from backups.vbs.fields import clean
from backups.vbs.id_text import NO_ID, canonical, plain, resembles_id, visible, why_no_backup_id
from backups.vbs.ids import HYPHENATED

MOST_LINES = 300_000  # of text at once: what a client prints of so many backups one by one
MAX_SHOWN = 200  # characters of a text that are echoed
MOST_LEFT_OUT = 20  # lines of one kind; the others are counted
LONG = 100_000  # characters; of a longer text that has no digits of an ID no word gets a verdict
_MAY_HOLD_ID = re.compile(r"[0-9A-Fa-f]{8}|[0-9A-Fa-f]{4}-[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&(?:quot|amp|lt|gt|nbsp|apos|shy|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});")
_PERCENT = re.compile(r"%(?:2[0-9CDFcdf]|3[ABDFabdf]|5[BDbd]|7[BDbd])")
_CELL = re.compile(r"<t[dh][\s>]", re.IGNORECASE)
_END_OF_CELL = re.compile(r"</t[dh]>\s*", re.IGNORECASE)
_END_OF_ROW = re.compile(r"</tr>\s*", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,1000}>")
_HREF = re.compile(r"href=[\"']?([^\"'\s>]+)")
_WORD = re.compile(r"[^\s,;]+")
_BLANK_LINES = re.compile(r"\n(?:[ \t\r]*\n)+")
_LONGEST_ID = 10_000  # characters of an ID with whatever is around it
_NOTHING = "There is no backup ID in this text."
_JSON_LINE = "\x01"  # begins a line that stands for JSON; no other line can hold it any more
_HEX_DIGITS = tuple("0123456789abcdefABCDEF-")
# The beginning of an ID at the end of a line, and the rest of it in the next one.
_END_OF_ID = re.compile(r"(?<![0-9A-Za-z-])([0-9A-Fa-f][0-9A-Fa-f-]{3,34})=?$")
_REST_OF_ID = re.compile(r"[ \t]*([0-9A-Fa-f-]{1,32})(?![0-9A-Za-z-])")
_QUOTED = re.compile(r"(?:[ \t]{0,3}>(?!>))+[ \t]?")


@dataclass(frozen=True)
class Line:
    """`id` in lower case with hyphens, or None and the reason. `is_left_out`: it is the ID of
    something else, which is no mistake.
    """

    value: str
    id: str | None
    reason: str | None = None
    is_left_out: bool = False


def read_ids(*texts: str) -> list[Line]:
    """Returns every ID in the texts, in order, with those that are left out. Raises TooMany.

    Of JSON, CSV and tables only the key or column `id` counts (also `Backup ID`, `UUID`). A text
    without any ID has one line that says so: each text gets a verdict.
    """
    lines = []
    taken = 0
    for text in texts:
        for line in _lines(text):
            lines.append(line)
            taken += not line.is_left_out
            if taken > MOST:
                raise TooMany
    return lines


def read_each(texts: Iterable[str]) -> list[Line]:
    """Returns the IDs in texts of which each is meant as a backup's. Raises TooMany.

    A text that holds none has one line, with the text as it was sent, so that a script finds it;
    also when it holds IDs of something else.
    """
    lines: list[Line] = []
    taken = 0
    for text in texts:
        of_text = read_ids(text)
        meant = [line for line in of_text if not line.is_left_out]
        if any(line.id for line in meant):
            lines += meant
        else:
            lines.append(Line(_shown(text), None, of_text[0].reason))
        taken += max(1, len(meant))
        if taken > MOST:
            raise TooMany
    return lines


def _lines(text: str) -> Iterator[Line]:
    is_empty = True
    left_out: dict[str, set[str]] = {}
    for piece in _pieces(restored(text)):
        backup_id = canonical(piece.value)
        if piece.left_out is None:
            is_empty = False
            yield _line(piece, backup_id)
        elif backup_id is not None:
            is_empty = False
            ids = left_out.setdefault(piece.left_out, set())
            if backup_id not in ids and len(ids) < MOST_LEFT_OUT:
                yield Line(
                    _shown(piece.value), None, f"left out: {piece.left_out}", is_left_out=True
                )
            ids.add(backup_id)
    for kind, ids in left_out.items():
        more = len(ids) - MOST_LEFT_OUT
        if more > 0:
            yield Line(f"{thousands(more)} more", None, f"left out: each {kind}", is_left_out=True)
    if is_empty:
        yield Line(_shown(text), None, _why_nothing(text))


def _line(piece: Piece, backup_id: str | None) -> Line:
    if backup_id is not None and piece.why is None:
        return Line(_shown(piece.value), backup_id)
    return Line(_shown(piece.value), None, piece.why or why_no_backup_id(piece.value))


def _why_nothing(text: str) -> str:
    reason = why_no_backup_id(text) if len(text) <= _LONGEST_ID else NO_ID
    return _NOTHING if reason == NO_ID else reason


def _shown(value: str) -> str:
    """Returns what is echoed of a text that somebody sent: its beginning, and how long the
    whole of it is.
    """
    shown = clean(visible(value[:MAX_SHOWN].replace("␀", "\x00")))
    return shown if len(value) <= MAX_SHOWN else f"{shown}… ({thousands(len(value))} characters)"


def _pieces(text: str) -> Iterable[Piece]:
    if HYPHENATED.fullmatch(text):
        return [Piece(text)]
    characters = _BLANK_LINES.sub("\n\n", _without_tags(plain(_unescaped(text))))
    if len(characters) > LONG and not _MAY_HOLD_ID.search(characters):
        if sum(1 for _ in islice(_WORD.finditer(characters), MOST + 1)) > MOST:
            raise TooMany
        return []
    spans = json_spans(characters)
    lines = _lines_around(characters, spans)
    if len(lines) > MOST_LINES:
        raise TooMany("lines", MOST_LINES)
    reader = _Reader(lines, spans)
    return pieces_of_lines(reader.read())


def _unescaped(text: str) -> str:
    """Returns a text without the escapes that HTML and addresses have for punctuation."""
    if _ENTITY.search(text):
        text = html.unescape(text)
    return _PERCENT.sub(lambda escape: unquote(escape[0]), text)


def _without_tags(text: str) -> str:
    """Returns the cells of an HTML table, and links with IDs, between tabs; any other text as
    it is.
    """
    if not _CELL.search(text):
        return text
    text = _END_OF_CELL.sub("\t", text)
    return _TAG.sub(_link_of_tag, _END_OF_ROW.sub("\n", text))


def _link_of_tag(tag: re.Match[str]) -> str:
    link = _HREF.search(tag[0])
    return f"{link[1]} " if link and _MAY_HOLD_ID.search(link[1]) else ""


def _lines_around(text: str, spans: list[Span]) -> list[str]:
    """Returns the lines of a text, each JSON of which is a line of its own that only says its
    number.
    """
    parts = []
    at = 0
    for number, (start, end, _) in enumerate(spans):
        parts.append(text[at:start])
        parts.append(f"\n{_JSON_LINE}{number}\n")
        at = end
    parts.append(text[at:])
    lines = "".join(parts).splitlines()
    for number, line in enumerate(lines):
        quoted = _QUOTED.match(line)
        if quoted:
            lines[number] = line[quoted.end() :]
    return _with_ids_in_one_line(lines)


def _with_ids_in_one_line(lines: list[str]) -> list[str]:
    """Returns the lines with the IDs whole that a mail or a terminal broke over two of them."""
    joined: list[str] = []
    for line in lines:
        if joined and joined[-1].rstrip("=").endswith(_HEX_DIGITS):
            start = _END_OF_ID.search(joined[-1][-40:])
            rest = _REST_OF_ID.match(line) if start else None
            whole = _whole_id(start[1], rest[1]) if start and rest else None
            if start and rest and whole:
                before = joined.pop()
                joined.append(before[: len(before) - len(start[0])] + whole)
                line = line[rest.end() :]
        joined.append(line)
    return joined


def _whole_id(start: str, rest: str) -> str | None:
    """Returns the ID that two parts make; between them may be a hyphen of who broke it."""
    for beginning in (start, start.removesuffix("-")):
        if HYPHENATED.fullmatch(beginning + rest):
            return beginning + rest
    return None


class _Reader:
    """Reads the lines of a text, each part by the form that it has."""

    def __init__(self, lines: list[str], spans: list[Span]) -> None:
        self._lines = lines
        self._spans = spans
        self._text = TextReader(lines)
        self._read: list[ReadLine] = []

    def read(self) -> list[ReadLine]:
        number = 0
        while number < len(self._lines):
            line = self._lines[number]
            if line.startswith(_JSON_LINE):
                number = self._json(number)
            elif is_drawn(line):
                number = self._drawn(number)
            else:
                number = self._table(number) or self._as_text(number)
        return self._read

    def _table(self, number: int) -> int | None:
        if not may_be_header(self._lines[number]):
            return None
        return self._delimited(number) or self._aligned(number)

    def _as_text(self, number: int) -> int:
        self._read.append(self._text.read(number))
        return number + 1

    def _add(self, pieces: list[Piece]) -> None:
        self._text.end_of_part()
        self._read.append(ReadLine("", pieces=pieces, is_noise=True))

    def _json(self, number: int) -> int:
        before = self._lines[number - 1] if number else ""
        kind = meaning(words_of(before[-100:]))
        value = self._spans[int(self._lines[number][1:])][2]
        try:
            pieces = pieces_of_json(value, kind or self._text.kind)
            texts = [] if pieces else list(texts_of(value))
        except RecursionError:
            # Nested deeper than anything that a cloud or a client prints.
            return number + 1
        self._add(pieces)
        reader = TextReader(texts)
        for line in range(len(texts)):
            self._read.append(replace(reader.read(line), is_noise=True))
        return number + 1

    def _drawn(self, number: int) -> int:
        end = number + drawn_length(self._lines[number:])
        pieces = pieces_of_drawn(self._lines[number:end], self._text.kind)
        if pieces is not None:
            self._add(pieces)
            return end
        for at in range(number, end):
            self._as_text(at)
        return end

    def _delimited(self, number: int) -> int | None:
        """Reads CSV and its kin, when this line is its header. Returns the line after it."""
        line = self._lines[number]
        delimiter = delimiter_of(line, self._below(number))
        if delimiter is None:
            return None
        header = header_cells(line, delimiter)
        end = number + 1
        while end < len(self._lines) and not self._ends_part(self._lines[end]):
            end += 1
        below = self._lines[number + 1 : end]
        rows = rows_of_browser(below, len(header) - 1) if delimiter == "\t" else None
        if not rows:
            try:
                rows = list(csv.reader(below, delimiter=delimiter))
            except csv.Error:
                # It is no CSV after all.
                return None
        columns = columns_of(header, self._text.kind)
        place = columns.own or 0 if columns else 0
        wide = []
        for row in rows:
            if len(row) > 1 and not is_border("".join(row)):
                wide.append(row)
            elif row and (canonical(row[0]) or resembles_id(row[0])):
                wide.append([*[""] * place, row[0]])
        if is_property_header(header):
            self._add(pieces_of_properties(wide, self._text.kind))
        elif columns is not None:
            self._add(list(pieces_of_rows(wide, columns, header)))
        return end

    def _aligned(self, number: int) -> int | None:
        """Reads columns with blanks between, when this line is their header. Returns the line after
        them.
        """
        headers = aligned_header(self._lines[number])
        if headers is None:
            return None
        names = [name for _, name in headers]
        columns = columns_of(names, self._text.kind)
        if columns is None:
            return None
        rows = []
        end = number + 1
        while end < len(self._lines):
            row = aligned_cells(self._lines[end], headers)
            if not is_border(self._lines[end].strip()):
                if not any(canonical(cell) or resembles_id(cell) for cell in row):
                    break
                rows.append(row)
            end += 1
        if not rows:
            return None
        self._add(list(pieces_of_rows(rows, columns, names)))
        return end

    def _below(self, number: int) -> str:
        return "\n".join(
            line
            for line in self._lines[number + 1 : number + 6]
            if line.strip() and not is_border(line.strip())
        )

    def _ends_part(self, line: str) -> bool:
        return line.startswith(_JSON_LINE) or is_drawn(line) or command_of(line) is not None
