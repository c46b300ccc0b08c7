"""The IDs in text that is no table: lists, YAML, keys and values, HCL, addresses, logs, prose and
sessions of a terminal. What stands beside an ID says whose it is.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Final

from backups.edits.pasted_commands import command_of, objects_of
from backups.edits.pasted_json import resource_kind
from backups.edits.pasted_labels import (
    ANOTHER,
    BACKUP,
    DISK,
    NAME,
    OWN,
    PROJECT,
    REQUEST,
    is_plural,
    key_meaning,
    kind_of,
    left_out,
    meaning,
    object_kind,
    says_only,
    words_of,
)
from backups.edits.pasted_pieces import Piece, TooMany
from backups.edits.pasted_tables import ANOTHER_COLUMN, is_border
from backups.vbs.id_text import canonical, resembles_id

MOST_OF_ANY: Final = 50_000  # IDs in one text, with those that are left out
IN_LINK: Final = "another ID of a link"
_FAR: Final = 200  # characters before an ID in which its label is looked for
_LONGEST_LABEL: Final = 60  # characters of a label on a line of its own
_MOST_HEADINGS: Final = 50  # above a line, each further in than the one before
_INDENT: Final = 40  # characters before the first ID of a line, at most
_MOST_OPEN: Final = 8  # brackets around an ID whose labels are looked at
_NEAR_LINES: Final = 60  # lines around a key in which the other keys of its object are looked for
_HEX: Final = "[0-9A-Fa-f]"
_HYPHENATED: Final = f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"
_ID: Final = re.compile(f"(?<![0-9A-Za-z])(?:{_HYPHENATED}|{_HEX}{{32}})(?![0-9A-Za-z])")
_GLUED_IDS: Final = re.compile(f"(?:{_HYPHENATED}){{2,}}")
# Whatever may be an ID, with what may have got into it; or a bracket.
_RUN: Final = re.compile("[\\w\u0300-\u036f\u20d0-\u20ff\u2400-\u2421\ufffd…-]{20,}|[\\[\\](){}]")
_LONG_RUN: Final = re.compile("[\\w\u0300-\u036f\u20d0-\u20ff\u2400-\u2421\ufffd…-]{20}")
_OPENING: Final = ("(", "[", "{")
_CLOSING: Final = (")", "]", "}")
_LINK: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s\"'<>|\\^`{}]{1,4000}")
_RESOURCE: Final = re.compile(
    r"\b((?:openstack|opentelekomcloud|huaweicloud|flexibleengine)_\w+)\.\w"
)
_BLOCK: Final = re.compile(r"\s*[+~-]?\s*(?:resource|data|ephemeral)\s+\"?([\w-]+)\"?[\s{]")
_KEY: Final = re.compile(
    r"([\s+~*-]*)[\"']?([A-Za-z_@][\w .:@-]{0,60}?)[\"']?\s*(?:=>|:=|[:=])(?!/)"
)
_AFTER: Final = re.compile(
    r"\s*[(\[](?:the\s+|an?\s+)?([\w -]{2,20})[)\]]|\s+is\s+(?:the|a)\s+(\w{2,20})"
)
_OF_ANOTHER: Final = frozenset(["of", "in", "from", "with", "and", "or", "to"])
_BRACKET_BEFORE: Final = re.compile(r"[(\[]([^()\[\]]{1,40})[)\]]\W{0,5}$")
_BREAK: Final = re.compile(r"[,;\t|]|[.!?]\s")
_BRACKETS: Final = re.compile(r"[\[\](){}]")
_SEPARATORS: Final = re.compile(r"[\s,;/|&\"'()\[\]+-]*(?:and)?[\s,;/|&\"'()\[\]+-]*")
_OPTION: Final = re.compile(r"--?[\w-]+=?")
_FLAGS: Final = frozenset(["--incremental", "--no-incremental", "--force", "--wait"])
_SECTION: Final = re.compile(r"\[{1,2}([\w .-]{2,40})\]{1,2}")
_NAME_IN_WORDS: Final = re.compile(r"\s+[\"']?\w*[-_.\d][\w.-]*[\"']?\s*$")
_STATES_TEXT: Final = (
    "none null nil true false yes no available error creating deleting restoring "
    "error_restoring error_deleting active in-use backing-up queued full incremental ok failed done"
)
_STATES: Final = frozenset(_STATES_TEXT.split())
_BULLET: Final = re.compile(r"^\s*(?:[*+>#-]+|\(?\d{1,5}[.):]|\[[ xX]?\])(?=\s|$)\s*")
_WIKI: Final = re.compile(r"h[1-6]\.\s.*|\{\w+[^{}]*\}")
_NAME: Final = re.compile(r"[^\W\d_]+|\S+(?:\s+\S+){0,4}\s*[:=]\W*")
_IN_BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_NUMBER: Final = re.compile(r"[\d.,:+%/TZ-]+|\d+\s?[KMGT]i?B")


@dataclass
class Heading:
    """A line above others that says what they hold. `is_block`: it ends where the lines are not
    indented any more; else it is a label on a line of its own.
    """

    indent: int
    kind: str | None
    is_block: bool
    is_plural: bool
    is_used: bool = False


@dataclass(frozen=True)
class ObjectOfLines:
    """Lines with keys that are an object together: the first, the last, how far in they are."""

    first: int
    last: int
    indent: int
    keys: Sequence[str]


@dataclass
class Finding:
    """A run of characters that is, or is meant as, an ID. `kind` is None without any label."""

    value: str
    start: int
    end: int
    kind: str | None = None
    is_labelled: bool = False
    passes_on: bool = False  # the next ID, with nothing between, is of the same kind


@dataclass
class ReadLine:
    """A line of text with what it holds. `words`: what is left when that is taken away. `pieces`:
    what was read already, of JSON or of a table.
    """

    text: str
    findings: list[Finding] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    is_noise: bool = False

    @cached_property
    def has_state(self) -> bool:
        """Does it hold a word that clients print beside IDs?"""
        return any(word.lower() in _STATES for word in re.split(r"[\s,]+", self.text))

    @cached_property
    def begins_with_id(self) -> bool:
        return not self.text[: self.findings[0].start].strip(" \t\"'*-+>")


class TextReader:
    """Reads line by line; what a line says may hold for those below it."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._headings: list[Heading] = []
        self._object = ObjectOfLines(0, -1, 0, [])
        self._count = 0  # of IDs
        self.kind: str | None = None  # of what the last command prints

    def end_of_part(self) -> None:
        """Forgets what the lines above said."""
        self._headings.clear()

    def read(self, number: int) -> ReadLine:
        text = self._lines[number]
        line = ReadLine(text)
        stripped = text.strip()
        if not stripped or is_border(stripped):
            self._blank(is_blank=not stripped)
            line.is_noise = True
            return line
        command = command_of(text)
        if command is not None:
            self._command(line, command)
            return line
        indent = len(text) - len(text.lstrip())
        self._leave(indent, stripped)
        self._find(line, number)
        if line.findings:
            self._use_headings()
            line.words = _rest(line)
        else:
            self._heading(line, number, indent, stripped)
        return line

    def _blank(self, *, is_blank: bool) -> None:
        if is_blank:
            self._headings = [h for h in self._headings if h.is_block or not h.is_used]

    def _command(self, line: ReadLine, command: str) -> None:
        """Reads a line with a command; its object is what the lines below are about."""
        self._headings.clear()
        line.is_noise = True
        self.kind = None
        if not command:
            return
        objects = objects_of(command)
        self.kind = objects.printed
        offset = len(line.text) - len(command)
        positional = 0
        findings: list[Finding] = []
        for run in _RUN.finditer(line.text, offset):
            findings += self._counted(_ids_of_run(run))
        for finding in findings:
            if canonical(finding.value) is None:
                continue
            label = _label_before(line.text, finding, offset, [])
            before = line.text[max(offset, finding.start - _FAR) : finding.start].split()
            has_option = len(before) > 0 and _OPTION.fullmatch(before[-1]) is not None
            has_option = has_option and before[-1] not in _FLAGS
            is_plain = line.text[finding.start - 1 : finding.start].isspace()
            kind: str | None = label
            if is_plain and not has_option and objects.taken:
                kind = objects.taken[min(positional, len(objects.taken) - 1)]
                positional += 1
            finding.kind = None if kind == OWN else kind
            finding.is_labelled = True
            line.findings.append(finding)

    def _leave(self, indent: int, stripped: str) -> None:
        """Forgets the headings that do not hold for a line with this indent."""
        kept = []
        is_key = _KEY.match(stripped) is not None and not stripped.startswith(("-", "*", "+"))
        for heading in self._headings:
            if indent > heading.indent:
                kept.append(heading)
            elif not heading.is_block:
                is_over = (heading.is_used and not heading.is_plural) or is_key
                if not is_over:
                    kept.append(heading)
        self._headings = kept

    def _use_headings(self) -> None:
        for heading in self._headings:
            heading.is_used = True

    def _heading(self, line: ReadLine, number: int, indent: int, stripped: str) -> None:
        """Keeps what a line without an ID says of those below it."""
        is_open = stripped.endswith((":", "{", "[", "(", "=>", "=", "- |", ": |", ": >"))
        if not is_open and len(stripped) > _LONGEST_LABEL:
            return
        words = words_of(stripped[-_FAR:])
        is_label = says_only(words)
        block = _BLOCK.match(stripped)
        section = _SECTION.fullmatch(stripped)
        if section and is_label:
            # Of TOML and its kin: it holds until the next one.
            self.kind = _kind_above(words)
            line.is_noise = True
            return
        if block:
            kind: str | None = resource_kind(block[1])
        elif stripped.startswith("import") and stripped.endswith("{"):
            kind = self._kind_of_import(number)
        elif is_label or is_open:
            kind = _kind_above(words)
        else:
            return
        is_bracket = stripped.endswith(("{", "[", "("))
        line.is_noise = True
        self._headings = [h for h in self._headings if h.is_block or h.indent < indent]
        del self._headings[:-_MOST_HEADINGS]
        self._headings.append(
            Heading(indent, kind, is_block=is_bracket, is_plural=is_plural(words) and is_label)
        )

    def _kind_of_import(self, number: int) -> str | None:
        """Returns what a block `import` of Terraform takes in: its line `to` says it."""
        for below in self._lines[number + 1 : number + 12]:
            resource = re.match(r"\s*to\s*=\s*(?:module\.\S+?\.)?(\w+)\.", below)
            if resource:
                return resource_kind(resource[1])
            if below.strip() == "}":
                break
        return None

    def _find(self, line: ReadLine, number: int) -> None:
        """Fills in the IDs of a line and whose each of them is."""
        text = line.text
        if not _LONG_RUN.search(text):
            return
        links = [(link.start(), link.end()) for link in _LINK.finditer(text)]
        openers: list[int] = []
        last: Finding | None = None
        for run in _RUN.finditer(text):
            if run[0] in _OPENING:
                openers.append(run.start())
            elif run[0] in _CLOSING:
                if openers:
                    openers.pop()
            else:
                for finding in self._counted(_ids_of_run(run)):
                    self._judge(line, finding, last, openers, number, links)
                    line.findings.append(finding)
                    last = finding

    def _counted(self, findings: list[Finding]) -> list[Finding]:
        self._count += len(findings)
        if self._count > MOST_OF_ANY:
            raise TooMany
        return findings

    def _judge(
        self,
        line: ReadLine,
        finding: Finding,
        last: Finding | None,
        openers: list[int],
        number: int,
        links: Sequence[tuple[int, int]],
    ) -> None:
        link = _link_around(links, finding.start)
        if link is None:
            self._label(line, finding, last, openers, number)
        else:
            floor = max(last.end if last else 0, link[0])
            finding.kind = _kind_in_link(line.text, finding, floor, link)
            finding.is_labelled = True

    def _label(
        self,
        line: ReadLine,
        finding: Finding,
        last: Finding | None,
        openers: list[int],
        number: int,
    ) -> None:
        text = line.text
        floor = last.end if last else 0
        label = _label_before(text, finding, floor, openers)
        between = text[floor : finding.start]
        is_row = last is not None and (not last.is_labelled or last.kind == ANOTHER_COLUMN)
        if label is None and is_row and "|" in between:
            finding.kind = ANOTHER_COLUMN
            finding.is_labelled = True
            return
        if label is None and last is not None:
            if last.passes_on and _SEPARATORS.fullmatch(between):
                finding.kind = last.kind
                finding.is_labelled = True
                finding.passes_on = True
            elif is_row and _is_row(line, between):
                finding.kind = ANOTHER_COLUMN
                finding.is_labelled = True
            return
        key = _KEY.match(text) if last is None else None
        if label == ANOTHER and key is not None:
            label = self._without_prefix(key[2], number, len(key[1]))
        if label in (None, OWN):
            is_own = label == OWN
            kind = self._kind_above()
            if kind is None and is_own and key is not None:
                kind = object_kind(self._fields_around(number, len(key[1])))
            finding.kind = kind or self.kind
            finding.is_labelled = is_own or kind is not None
        else:
            finding.kind = label
            finding.is_labelled = True
        words = words_of(between)
        finding.passes_on = label == REQUEST or is_plural(words) or ":" in between

    def _kind_above(self) -> str | None:
        for heading in reversed(self._headings):
            if heading.kind is not None:
                return heading.kind
        return None

    def _fields_around(self, number: int, indent: int) -> Sequence[str]:
        """Returns the keys of this line and of those around it that belong to the same object."""
        near = self._object
        if not (near.first <= number <= near.last and near.indent == indent):
            self._object = self._object_around(number, indent)
        return self._object.keys

    def _object_around(self, number: int, indent: int) -> ObjectOfLines:
        own_key = _KEY.match(self._lines[number])
        keys = [own_key[2] if own_key else ""]
        first = self._add_keys_above(number, indent, keys)
        last = self._add_keys_below(number, indent, keys)
        return ObjectOfLines(first, last, indent, keys)

    def _add_keys_above(self, number: int, indent: int, keys: list[str]) -> int:
        """Adds the keys above a line that belong to its object; returns the line of the first."""
        first = number
        if _is_item(self._lines[number]):
            return first
        for at in range(number - 1, max(-1, number - _NEAR_LINES), -1):
            key = _KEY.match(self._lines[at])
            if key is None or _ends_object(key, indent, keys):
                break
            if len(key[1]) > indent:
                # It is of an object inside this one.
                continue
            keys.append(key[2])
            first = at
            if _is_item(self._lines[at]):
                break
        return first

    def _add_keys_below(self, number: int, indent: int, keys: list[str]) -> int:
        """Adds the keys below a line that belong to its object; returns the line of the last."""
        last = number
        for at in range(number + 1, min(len(self._lines), number + _NEAR_LINES)):
            line = self._lines[at]
            key = _KEY.match(line)
            if _is_item(line) and (key is None or len(key[1]) <= indent):
                break
            if key is None:
                if line.strip() in ("", "}", "---"):
                    break
                continue
            if _ends_object(key, indent, keys):
                break
            if len(key[1]) > indent:
                # It is of an object inside this one.
                continue
            keys.append(key[2])
            last = at
        return last

    def _without_prefix(self, key: str, number: int, indent: int) -> str | None:
        """Returns what a key says without the prefix that all keys around it have, as the formatter
        `shell` of the clients puts before them.
        """
        fields = self._fields_around(number, indent)
        if len(fields) < 3:
            return ANOTHER
        # The first and the last in their order differ the soonest.
        first = min(fields)
        last = max(fields)
        length = 0
        while length < len(first) and first[length] == last[length]:
            length += 1
        return (key_meaning(key[length:]) or ANOTHER) if length else ANOTHER


def _is_item(line: str) -> bool:
    """Does a line begin an item of a list, as in YAML?"""
    return line.lstrip().startswith("- ")


def _ends_object(key: re.Match[str], indent: int, keys: Sequence[str]) -> bool:
    """Is this a key of another object? It is less far in, or stands a second time; `keys` begins
    with the one that the object was looked for from.
    """
    is_again = len(key[1]) == indent and key[2] in keys
    return len(key[1]) < indent or key[2] == keys[0] or is_again


def _ids_of_run(run: re.Match[str]) -> list[Finding]:
    """Returns the IDs in a run of characters, and what is meant as one."""
    word = run[0]
    start = run.start()
    if _GLUED_IDS.fullmatch(word):
        return [
            Finding(word[at : at + 36], start + at, start + at + 36)
            for at in range(0, len(word), 36)
        ]
    findings = [
        Finding(match[0], start + match.start(), start + match.end())
        for match in _ID.finditer(word)
    ]
    if findings:
        return findings
    core = word.strip("-_")
    start += word.index(core)
    if not resembles_id(core):
        prefix = re.match(r"(?:[A-Za-z]+[-_])+", core)
        start += prefix.end() if prefix else 0
        core = core[prefix.end() :] if prefix else core
    return [Finding(core, start, start + len(core))] if resembles_id(core) else []


def _label_before(text: str, finding: Finding, floor: int, openers: Sequence[int]) -> str | None:
    """Returns what the words before an ID say that it is; None where there are none, or others."""
    before = text[max(floor, finding.start - _FAR) : finding.start]
    if _is_project_in_path(before, text[finding.end : finding.end + 1]):
        return PROJECT
    cell = _last_part(before, _BREAK)
    inner = _last_part(cell, _BRACKETS)
    words = words_of(inner)
    label = meaning(words)
    if len(words) > 1 and words[-1] in ("of", "for") and kind_of(words[-2]) == BACKUP:
        return DISK
    if label == ANOTHER and not _is_compound(inner):
        label = OWN
    if label in (None, OWN):
        label = _label_after(text, finding) or label
    if label is None and not words:
        label = _label_in_cell_before(before, cell)
    if label == OWN or (label is None and not words):
        for opener in reversed(openers[-_MOST_OPEN:]):
            nearest = floor if floor <= opener else 0
            outside = text[max(nearest, opener - _FAR) : opener]
            resource = _RESOURCE.findall(outside)
            if resource:
                return resource_kind(resource[-1])
            part = _last_part(_last_part(outside, _BREAK), _BRACKETS)
            kind = meaning(words_of(part)) or meaning(words_of(_NAME_IN_WORDS.sub("", part)))
            if kind not in (None, OWN, ANOTHER):
                return kind
        resource = _RESOURCE.findall(before)
        if resource and label == OWN:
            return resource_kind(resource[-1])
    if label is None and words:
        resource = _RESOURCE.findall(cell)
        if resource:
            return resource_kind(resource[-1])
    return label


def _label_after(text: str, finding: Finding) -> str | None:
    """Returns what the words behind an ID say that it is: those in brackets or after “is the”, or
    all that follow in a line that begins with it.
    """
    after = _AFTER.match(text, finding.end)
    if after:
        return meaning(words_of(after[1] or after[2]))
    if finding.start > _INDENT or words_of(text[: finding.start]):
        return None
    rest = text[finding.end : finding.end + _FAR]
    words = words_of(rest)
    is_label = says_only(words) and _OF_ANOTHER.isdisjoint(words)
    if not is_label or _ID.search(rest):
        return None
    kind = meaning(words)
    return None if kind in (OWN, NAME) else kind


def _label_in_cell_before(before: str, cell: str) -> str | None:
    """Returns the label that fills the cell, or the brackets, before the one with the ID."""
    bracket = _BRACKET_BEFORE.search(cell)
    if bracket:
        words = words_of(bracket[1])
        return meaning(words) if says_only(words) else None
    if cell.strip(" \"'([{<*`_"):
        return None
    left = before[: len(before) - len(cell)].rstrip(",;\t| ")
    words = words_of(_last_part(left, _BREAK))
    return meaning(words) if says_only(words) else None


def _is_project_in_path(before: str, after: str) -> bool:
    return after == "/" and re.search(r"/v\d(?:\.\d)?/$", before) is not None


def _is_compound(text: str) -> bool:
    """Is the last word before an ID one of several, as `foo_id` is?"""
    parts = text.split()
    while parts and not words_of(parts[-1]):
        parts.pop()
    return bool(parts) and len(words_of(parts[-1])) > 1


def _link_around(links: Sequence[tuple[int, int]], at: int) -> tuple[int, int] | None:
    """Returns the link in which a place of the line is; they stand in their order."""
    number = bisect_right(links, at, key=itemgetter(0)) - 1
    if number < 0 or links[number][1] <= at:
        return None
    return links[number]


def _kind_in_link(text: str, finding: Finding, floor: int, link: tuple[int, int]) -> str | None:
    """Returns whose ID stands in an address: what the nearest step or name before it says."""
    before = text[floor : finding.start]
    host = re.match(r"[A-Za-z][\w+.-]*://[^/?#]*", before)
    path = before[host.end() :] if host else before
    if _is_project_in_path(path, text[finding.end : finding.end + 1]):
        return PROJECT
    kind = meaning(words_of(path), skipping_unknown=True)
    if kind is not None and kind != OWN:
        return kind
    rest = text[finding.end : link[1]]
    if not path.strip("/") and rest.startswith("/"):
        return PROJECT
    return IN_LINK


def _kind_above(words: Sequence[str]) -> str | None:
    kind = meaning(words, skipping_unknown=not says_only(words) and len(words) < 8)
    return None if kind in (OWN, ANOTHER) else kind


def _last_part(text: str, breaks: re.Pattern[str]) -> str:
    end = 0
    for match in breaks.finditer(text):
        end = match.end()
    return text[end:]


def _is_row(line: ReadLine, between: str) -> bool:
    """Does the line begin with an ID, as a row of a list does, and hold other cells before the
    next one, or behind all of them?
    """
    if not line.begins_with_id:
        return False
    if "\t" in between.strip("\t "):
        return True
    words = between.replace(",", " ").replace(";", " ").split()
    if between.isspace():
        return line.has_state
    return len(words) >= 3 or (len(words) > 0 and line.has_state)


def _rest(line: ReadLine) -> list[str]:
    """Returns the words of a line beside its IDs that belong to no known form."""
    if any(finding.is_labelled for finding in line.findings):
        return []
    text = line.text
    for mark in (" #", " //", "\t#"):
        text = text.partition(mark)[0]
    # A word before the first ID is what somebody calls it.
    before = _BULLET.sub("", text[: line.findings[0].start])
    if before.endswith("/") and len(before.split()) == 1:
        before = ""
    parts = [] if _NAME.fullmatch(before.strip()) else [before]
    at = line.findings[0].end
    for finding in line.findings[1:]:
        parts.append(text[at : finding.start])
        at = finding.end
    parts.append(text[at:])
    words = _words(_IN_BRACKETS.sub(" ", " ".join(parts)))
    return [word for word in words if not word.endswith((":", "="))]


def _words(text: str) -> list[str]:
    """Returns the words of a text that are neither numbers nor known beside IDs."""
    words = []
    for part in re.split(r"[\s,;|]+", text):
        word = part.strip("\"'`<>()[]{}*.!?:=") if len(part) > 1 else ""
        is_number = _NUMBER.fullmatch(word) is not None
        is_word = len(word) > 1 and any(character.isalnum() for character in word)
        if is_word and word.lower() not in _STATES and not is_number:
            words.append(part.strip("\"'`()[]{}*,;"))
    return words


def _is_noise(stripped: str) -> bool:
    """Is this a line that people paste along with IDs: a heading, a fence, a comment?"""
    if _WIKI.fullmatch(stripped):
        return True
    if stripped.startswith(("#", "//", "```", "~~~", "--", "==", "sep=", "< ", "> ", "%")):
        return True
    if stripped.endswith((":", "{", "[", "(")) and len(stripped) > 1:
        return True
    if stripped.endswith(("…", "...")) and " " in stripped:
        return True
    if stripped[0] in "}])" or not any(character.isalnum() for character in stripped):
        return True
    if _KEY.match(stripped) and not _LINK.match(stripped):
        return True
    words = stripped.split()
    if len(words) > 1 and all(word[0].isupper() for word in words):
        # The header of columns.
        return any(meaning([word]) == OWN for word in words_of(stripped))
    return all(part in _STATES or _NUMBER.fullmatch(part) for part in stripped.lower().split())


def pieces_of_lines(lines: Sequence[ReadLine]) -> Iterator[Piece]:
    """Yields the pieces of lines of text. Words that are no IDs are mistakes in a bare list, and
    belong to it in every richer form.
    """
    has_id = False
    is_labelled = False
    rows = 0
    for line in lines:
        has_id |= bool(line.findings)
        is_labelled |= bool(line.pieces)
        is_labelled |= any(finding.is_labelled for finding in line.findings)
        rows += len(line.findings) == 1 and len(line.words) > 0
    shown_values = _values_without_names(lines)
    is_message = has_id and any(_is_of_message(line) for line in lines)
    is_signed = False
    for number, line in enumerate(lines):
        is_signed |= line.text.rstrip() == "--"
        yield from line.pieces
        for finding in line.findings:
            yield _piece(finding, shown_values.get(number))
        if line.is_noise or is_labelled or shown_values or is_signed:
            continue
        if line.findings:
            is_mistake = len(line.words) == 1 or _is_list(line.text)
            if is_mistake and rows < 2 and not line.has_state:
                yield from map(Piece, line.words)
            continue
        is_prose = has_id and _is_prose(lines, number, is_message=is_message)
        if not is_prose and not _is_noise(line.text.strip()):
            yield from _mistakes(line)


def _is_of_message(line: ReadLine) -> bool:
    """Is this a whole sentence, or what a letter begins or ends with?"""
    words = line.text.split()
    is_greeting = len(words) <= 3 and line.text.rstrip().endswith((",", "!"))
    is_greeting = is_greeting and all(word.strip(",!").isalpha() for word in words)
    return not line.findings and (len(words) >= 4 or is_greeting)


def _is_list(text: str) -> bool:
    """Does a line hold one word or ID between each of its commas?"""
    parts = re.split(r"[,;]", text)
    return len(parts) > 1 and all(len(part.split()) <= 1 for part in parts)


def _piece(finding: Finding, shown: str | None) -> Piece:
    kind = finding.kind
    if kind is None and shown is not None:
        kind = shown
    return Piece(finding.value, left_out(kind))


def _mistakes(line: ReadLine) -> Iterator[Piece]:
    if _LINK.fullmatch(line.text.strip().strip("<>()[]\"'`.,;")):
        yield Piece(line.text.strip(), why="The link does not end in a backup ID.")
        return
    for word in re.split(r"[\s,;]+", line.text):
        if word.strip("|+-\"'"):
            yield Piece(word)


def _is_prose(lines: Sequence[ReadLine], number: int, *, is_message: bool) -> bool:
    """Is a line without an ID one that people write around a list? A single word is not; a few are
    when blank lines keep them apart from the IDs.
    """
    text = lines[number].text.strip()
    words = text.split()
    if len(words) >= 4 and "," not in text:
        return True
    if text.endswith((",", ".", "!", "?")) and (len(words) > 1 or is_message):
        return True
    if is_message and text.strip(",.!:").isalpha():
        return True
    if len(words) < 2 or "," in text:
        return False
    if is_message and all(word.isalpha() for word in words):
        return True
    around = [*lines[max(0, number - 1) : number], *lines[number + 1 : number + 2]]
    return not any(line.findings for line in around)


def _values_without_names(lines: Sequence[ReadLine]) -> dict[int, str]:
    """Returns whose the IDs of these lines are when they are what a client prints of one backup
    with `-f value`: the values alone, by the names of the fields. There the backup's own ID stands
    between two that say yes or no; the lines of other IDs are in the result.
    """
    others: dict[int, str] = {}
    own = 0
    for number, line in enumerate(lines):
        if len(line.findings) != 1 or line.findings[0].value != line.text.strip():
            continue
        below = lines[number + 1].text.strip() if number + 1 < len(lines) else ""
        if below in ("True", "False"):
            own += 1
        else:
            others[number] = ANOTHER_COLUMN
    if own == 0 or len(lines) < 8:
        return {}
    return others or {-1: ANOTHER_COLUMN}
