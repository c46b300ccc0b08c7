"""The words of a message, for people: a subject, plain text and HTML, with times in the zone of a
channel. What clouds and people wrote stays text in all of them, and each has an end.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings

from backups.alarms.message import AlarmLine, Message
from backups.analysis.numbers import thousands
from backups.analysis.zones import offset_at
from backups.shared.refusal import printable

LONGEST_HEADLINE: Final = 200  # characters
LONGEST_SENTENCE: Final = 500
LONGEST_NAME: Final = 100
_OPENED_WORDS: Final = {"critical": "Critical", "warning": "Warning"}
_MARGIN: Final = "margin:0 0 1em"


def headline(message: Message) -> str:
    """Returns one line, for a subject."""
    return one_line(message.headline, LONGEST_HEADLINE)


def one_line(text: str, longest: int = LONGEST_SENTENCE) -> str:
    """Returns a text without line ends and what else cannot be shown, cut where it is longer."""
    return printable(" ".join(text.split()), longest)


def text(message: Message, zone: ZoneInfo) -> str:
    """Returns the message as plain text that ends with a line end."""
    blocks = [headline(message)]
    if message.text:
        blocks.append("\n".join(one_line(sentence) for sentence in message.text))
    blocks += ["\n".join(_parts_as_text(line, zone)) for line in message.lines]
    more = _more(message)
    if more:
        blocks.append(more)
    link = _link("/alarms/")
    if link:
        blocks.append(f"All alarms: {link}")
    return "\n\n".join(blocks) + "\n"


def html(message: Message, zone: ZoneInfo) -> str:
    """Returns the message as a whole page of HTML, which loads nothing."""
    blocks = [f'<h1 style="font-size:1.2em;{_MARGIN}">{escape(headline(message))}</h1>']
    if message.text:
        blocks.append(_paragraph(escape(one_line(sentence)) for sentence in message.text))
    blocks += [_paragraph(_parts_as_html(line, zone)) for line in message.lines]
    more = _more(message)
    if more:
        blocks.append(_paragraph([escape(more)]))
    link = _link("/alarms/")
    if link:
        blocks.append(_paragraph([f'<a href="{escape(link)}">All alarms</a>']))
    body = "\n".join(blocks)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>'
        f"{escape(headline(message))}</title></head>\n"
        f'<body style="font-family:sans-serif;line-height:1.4">\n{body}\n</body></html>\n'
    )


def when(at: datetime, zone: ZoneInfo) -> str:
    """Writes an instant as 2026-11-30 08:00 UTC+1."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} {offset_at(zone, at)}"


def how_long(span: timedelta) -> str:
    """Writes a span by its largest unit: 12 s, 5 min, 3 h, 2 d."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        # Up to two of a unit the smaller one tells more.
        if seconds >= 2 * length:
            return f"{thousands(seconds // length)} {unit}"
    return f"{seconds} s"


def _parts_as_text(line: AlarmLine, zone: ZoneInfo) -> list[str]:
    parts = [f"{_what(line)}: {one_line(line.sentence)} ({_place(line)})"]
    parts += _facts(line, zone)
    link = _link(line.path)
    if link:
        parts.append(link)
    return parts


def _parts_as_html(line: AlarmLine, zone: ZoneInfo) -> list[str]:
    sentence = escape(one_line(line.sentence))
    link = _link(line.path)
    if link:
        sentence = f'<a href="{escape(link)}">{sentence}</a>'
    parts = [f"<strong>{_what(line)}:</strong> {sentence} ({escape(_place(line))})"]
    parts += [escape(fact) for fact in _facts(line, zone)]
    return parts


def _what(line: AlarmLine) -> str:
    if line.what == "recovered":
        return "Nothing left to judge" if line.ended == "dropped" else "Well again"
    if line.what == "flapping":
        state = "open now" if line.is_open else "well now"
        return f"Flapping, {thousands(line.changes)} changes, {state}"
    return _OPENED_WORDS.get(line.severity, "Warning")


def _place(line: AlarmLine) -> str:
    cloud = one_line(line.cloud, LONGEST_NAME)
    title = one_line(line.title, LONGEST_NAME)
    # Most sentences name it.
    is_named = title == cloud or title in one_line(line.sentence)
    return cloud if is_named else f"{title} in {cloud}"


def _facts(line: AlarmLine, zone: ZoneInfo) -> list[str]:
    """Returns when it began or ended, what it is read off, and what to do."""
    facts: list[str] = []
    if line.closed_at is not None:
        began = when(line.since or line.opened_at, zone)
        facts.append(f"From {began} to {when(line.closed_at, zone)}.")
    elif line.since is not None:
        facts.append(f"Since {when(line.since, zone)}.")
    else:
        facts.append(f"Found {when(line.opened_at, zone)}.")
    if line.closed_at is not None:
        return facts
    if line.evidence:
        known = f", as of {when(line.evidence_at, zone)}" if line.evidence_at else ""
        facts.append(f"Read off: {one_line(line.evidence).rstrip('.')}{known}.")
    if line.next:
        facts.append(f"Next: {one_line(line.next)}")
    return facts


def _more(message: Message) -> str:
    """Returns what to say of alarms that the message counts and does not name."""
    total = message.opened + message.recovered + message.flapping
    left_out = total - len(message.lines)
    if left_out <= 0:
        return ""
    return f"And {thousands(left_out)} more: {_counts(message)} in all."


def _counts(message: Message) -> str:
    parts: Sequence[tuple[int, str]] = (
        (message.opened, "new"),
        (message.flapping, "flapping"),
        (message.recovered, "over"),
    )
    return ", ".join(f"{thousands(count)} {word}" for count, word in parts if count)


def _link(path: str) -> str:
    """Returns the whole address of a page; "" where vbsdash does not know its own."""
    if not settings.PUBLIC_URL:
        return ""
    own_path = settings.PUBLIC_URL.path
    if own_path and not path.startswith(f"{own_path}/"):
        path = own_path + path
    return f"{settings.PUBLIC_URL.origin}{path}"


def _paragraph(parts: Iterable[str]) -> str:
    return f'<p style="{_MARGIN}">{"<br>".join(parts)}</p>'
