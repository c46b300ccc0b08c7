"""The list of backups as CSV, row by row out of the database: its memory does not grow with the
number of rows.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from backups.api import describe, query_params
from backups.api.backups import tracked
from backups.api.base import Call
from backups.api.json_values import utc_text
from backups.query.backups import BACKUPS
from backups.query.cursor import read_cursor
from backups.query.list_query import ListQuery
from backups.query.order import Row
from backups.query.page import Pages
from backups.query.public_fields import BACKUP_FIELDS

ROWS_PER_QUERY = 1000
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would take the cell for a formula
Cell = str | int | float | None


class CsvRenderer(BaseRenderer):
    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"


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
        query = query_params.list_query(request, BACKUPS, ignored_keys=("fields",))
        fields = query_params.selected_fields(request, BACKUP_FIELDS)
        pages = Pages(BACKUPS, query, self.now, rows=tracked(request, self))
        response = StreamingHttpResponse(
            _chunks(pages, query, fields), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = (
            f'attachment; filename="backups-{self.now:%Y%m%dT%H%M%SZ}.csv"'
        )
        return response


class _Echo:
    """A file for csv.writer that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _chunks(pages: Pages, query: ListQuery, fields: Sequence[str]) -> Iterator[str]:
    """Yields the header, then the lines of one query after the other."""
    writer = csv.writer(_Echo())
    yield writer.writerow(fields)
    cursor = None
    while True:
        page = pages.page(cursor, ROWS_PER_QUERY, *fields)
        yield "".join(writer.writerow(_cells(row, fields)) for row in page.rows)
        if page.next is None:
            return
        cursor = read_cursor(page.next, BACKUPS, query)


def _cells(row: Row, fields: Sequence[str]) -> list[Cell]:
    return [cell(row[field]) for field in fields]


def cell(value: object) -> Cell:
    """Returns text as a spreadsheet shows it and never runs it; null is empty, lists
    and objects are JSON.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return f"'{value}" if value.startswith(DANGEROUS) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, list | dict):
        return json.dumps(value)
    return str(value)
