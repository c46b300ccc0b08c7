"""The list of backups as CSV, row by row out of the database: its memory does not grow with the
number of rows.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from backups.api import describe, query
from backups.api import serializers as shape
from backups.api.backups import tracked
from backups.api.base import Call
from backups.query.backups import BACKUPS
from backups.query.cursor import read_cursor
from backups.query.page import Pages
from backups.query.public_fields import BACKUP_FIELDS

STEP = 1000  # rows of one query
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would take the cell for a formula


class CsvRenderer(BaseRenderer):
    media_type, format, charset = "text/csv", "csv", "utf-8"


class Table(Call):
    renderer_classes = (CsvRenderer, JSONRenderer)
    metadata_class = None  # what OPTIONS would tell cannot be written as CSV: 405

    @extend_schema(
        operation_id="backups_csv",
        parameters=[*describe.filters_of(BACKUPS), describe.ordering_of(BACKUPS), describe.FIELDS],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All backups that match, one a line; the form that adds backups takes it back."""
        wanted = query.selection(request, BACKUPS, ignored_keys=("fields",))
        words = query.fields(request, BACKUP_FIELDS)
        pages = Pages(BACKUPS, wanted, self.now, rows=tracked(request, self))
        answer = StreamingHttpResponse(
            _lines(pages, wanted, words), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = (
            f'attachment; filename="backups-{self.now:%Y%m%dT%H%M%SZ}.csv"'
        )
        return answer


class _Echo:
    """A file for csv.writer that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _lines(pages: Pages, wanted: Any, words: Sequence[str]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(words)
    place = None
    while True:
        page = pages.page(place, STEP, *words)
        yield "".join(writer.writerow(_cells(row, words)) for row in page.rows)
        if page.next is None:
            return
        place = read_cursor(page.next, BACKUPS, wanted)


def _cells(row: Mapping[str, Any], words: Sequence[str]) -> list[Any]:
    return [None if (value := row[word]) is None else cell(value) for word in words]


def cell(value: Any) -> Any:
    """Text as a spreadsheet shows it and never runs it; null is empty, lists and objects are
    JSON.
    """
    return _WRITERS.get(type(value), str)(value)


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(DANGEROUS) else value


def _same(value: Any) -> Any:
    return value


_WRITERS: Mapping[type, Callable[[Any], Any]] = {
    str: _text,
    bool: lambda value: "true" if value else "false",
    datetime: shape.z,
    **dict.fromkeys((int, float, type(None)), _same),
    **dict.fromkeys((list, dict), json.dumps),
}
