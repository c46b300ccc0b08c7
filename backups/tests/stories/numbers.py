"""Reads the numbers of a page that are links, and how many things each leads to."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from django.test import Client

# A count begins the text of its link, and no unit, no word of time, and no month follows it. What a
# cloud or a person named stands in <bdi>, and is no count.
COUNT = re.compile(
    r"(?:All |Select all |all )?([0-9][0-9\u202f]*+)(?![0-9.,:%-])"
    r"(?![\w-]|\s*(?:[KMGTP]i?B|%|×|s|min|h|d|y|ago)\b)"
    r"(?!\s*(?:–|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))"
)
MATCHING = re.compile(r"([0-9][0-9\u202f]*)\s+matching")
OWN_LISTS = ("/backups/", "/volumes/")
# Keys of a page's address that filter nothing.
KEYS_OF_PAGES = frozenset(
    {"view", "all", "ordering", "columns", "cursor", "live", "density", "days"}
)
VOID = frozenset({"br", "img", "input", "meta", "link", "hr", "wbr", "source", "col"})


@dataclass
class Link:
    href: str
    text: str = ""
    named: str = ""  # of the text, what a cloud or a person named

    @property
    def count(self) -> int | None:
        """Returns the number that the link tells, None where it tells none."""
        text = self.text.strip()
        if dict(parse_qsl(urlsplit(self.href).query)).get("days") == text:
            return None  # a choice of how many days are shown
        is_named = bool(self.named) and text.startswith(self.named.strip())
        match = None if is_named else COUNT.match(text)
        if match is None:
            return None
        return int(match[1].replace("\u202f", ""))


@dataclass
class _Element:
    tag: str
    id: str
    items: int = 0  # list items, and rows of tables, that lie in it


@dataclass
class Page(HTMLParser):
    """The links of a page, its text, and how many items each element with an ID holds."""

    html: str
    links: list[Link] = field(default_factory=list)
    items: dict[str, int] = field(default_factory=dict)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[_Element] = []
        self._link: Link | None = None
        self._bdi = 0
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a" and attributes.get("href"):
            self._link = Link(attributes["href"] or "")
            self.links.append(self._link)
        self._bdi += tag == "bdi"
        is_row = tag == "tr" and any(element.tag == "tbody" for element in self._open)
        if is_row or (tag == "li" and "ol" in {element.tag for element in self._open}):
            for element in self._open:
                element.items += 1
        if tag not in VOID:
            self._open.append(_Element(tag, attributes.get("id") or ""))

    def handle_endtag(self, tag: str) -> None:
        self._bdi -= tag == "bdi"
        if tag == "a":
            self._link = None
        while self._open:
            element = self._open.pop()
            if element.id:
                self.items[element.id] = element.items
            if element.tag == tag:
                break

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._link is not None:
            self._link.text += data
            if self._bdi:
                self._link.named += data


@dataclass
class Numbers:
    """All numbers of pages that are links, each followed once."""

    client: Client
    checked: dict[str, int] = field(default_factory=dict)
    _pages: dict[str, Page] = field(default_factory=dict)
    _counts: dict[str, int | None] = field(default_factory=dict)

    def page(self, address: str) -> Page:
        if address not in self._pages:
            answer = self.client.get(address)
            assert answer.status_code == 200, (address, answer.status_code)
            self._pages[address] = Page(answer.content.decode())
        return self._pages[address]

    def differing(self, address: str) -> list[tuple[str, str, int, int | None]]:
        """Returns each link whose number is not that of what it leads to: where it stands, where it
        leads, and both numbers.
        """
        wrong = []
        for link in self.page(address).links:
            if link.count is None:
                continue
            target = urljoin(address, link.href)
            if target not in self._counts:
                self._counts[target] = self._count_at(target)
            there = self._counts[target]
            self.checked[target] = link.count
            if there != link.count:
                wrong.append((address, target, link.count, there))
        return wrong

    def _count_at(self, target: str) -> int | None:
        """Returns how many things it leads to, None where that page does not say."""
        parts = urlsplit(target)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if parts.fragment:
            return self.page(path).items.get(parts.fragment)
        if parts.path not in OWN_LISTS:
            return None
        said = MATCHING.search(self.page(path).text)
        if said is None:
            return None
        rows = self._rows_of_list(parts.path, parts.query)
        matching = int(said[1].replace("\u202f", ""))
        assert matching == rows, (target, matching, rows)
        return rows

    def _rows_of_list(self, path: str, query: str) -> int:
        """Counts the rows of a list, asked for row by row."""
        filters = [pair for pair in parse_qsl(query) if pair[0] not in KEYS_OF_PAGES]
        address = f"/api{path}?{urlencode([*filters, ('limit', 500)])}"
        count = 0
        while address:
            answer = self.client.get(address)
            assert answer.status_code == 200, (address, answer.content[:300])
            body = answer.json()
            count += len(body["results"])
            address = body["next"] or ""
        return count
