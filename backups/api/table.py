"""The list of backups as CSV, out of the database a thousand rows at a time; of all of them no more
is held than their keys.
"""

import csv
import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.http import StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from backups.api import describe, query_params
from backups.api.backups import pages_of
from backups.api.base import Call
from backups.api.csv_dialect import EXCEL, PLAIN, CsvDialect, dialect_of
from backups.api.json_values import utc_text
from backups.models import Access
from backups.query.backups import BACKUPS
from backups.query.order import Row
from backups.query.page import Pages
from backups.query.public_fields import BACKUP_FIELDS
from backups.reports.backup_detail import hide_doubles
from backups.reports.conditional import etag
from backups.shared.access import access_of

ROWS_PER_QUERY = 1000
KEY_BYTES = 16  # of a UUID
Cell = str | int | None


class CsvRenderer(BaseRenderer):
    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"


class CsvCall(Call):
    """A list as CSV, sent while it is read."""

    renderer_classes = (CsvRenderer, JSONRenderer)
    metadata_class = None  # what OPTIONS would tell cannot be written as CSV: 405

    def version_tag(self, request: Request) -> str:
        languages = request.headers.get("Accept-Language", "")
        return etag(request, self.now, request.get_full_path(), languages)

    def answer(
        self, chunks: Iterator[str], dialect: CsvDialect, *, name: str
    ) -> StreamingHttpResponse:
        """Returns the file; `name` is what its own begins with."""
        response = StreamingHttpResponse(chunks, content_type="text/csv; charset=utf-8")
        if dialect is not PLAIN:
            patch_vary_headers(response, ["Accept-Language"])
        file_name = f"{name}-{self.now:%Y%m%dT%H%M%SZ}.csv"
        response["Content-Disposition"] = f'attachment; filename="{file_name}"'
        return response


class Table(CsvCall):
    @extend_schema(
        operation_id="backups_csv",
        parameters=[
            *describe.filters_of(BACKUPS),
            describe.ordering_of(BACKUPS),
            describe.FIELDS,
            EXCEL,
        ],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All backups that match, one a line; the form that adds backups takes it back."""
        query = query_params.list_query(request, BACKUPS, ignored_keys=("fields", "excel"))
        fields = query_params.selected_fields(request, BACKUP_FIELDS)
        pages = pages_of(request, self, query)
        access = access_of(request)
        dialect = dialect_of(request)
        return self.answer(_chunks(pages, fields, dialect, access), dialect, name="backups")


class Echo:
    """A file for csv.writer that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _chunks(
    pages: Pages, fields: Sequence[str], dialect: CsvDialect, access: Access
) -> Iterator[str]:
    """Yields the header, then the lines of one query after the other: of all that match when it
    begins, as they are when they are read.
    """
    writer = csv.writer(Echo(), delimiter=dialect.separator)
    yield dialect.mark + writer.writerow(fields)
    keys = bytearray()
    for key in pages.ordered_keys():
        keys += key.bytes
    for start in range(0, len(keys), ROWS_PER_QUERY * KEY_BYTES):
        rows = pages.rows_of(_uuids(keys[start : start + ROWS_PER_QUERY * KEY_BYTES]), fields)
        hide_doubles(rows, access=access)
        yield "".join(writer.writerow(_cells(row, fields, dialect)) for row in rows)


def _uuids(keys: bytearray) -> list[uuid.UUID]:
    places = range(0, len(keys), KEY_BYTES)
    return [uuid.UUID(bytes=bytes(keys[place : place + KEY_BYTES])) for place in places]


def _cells(row: Row, fields: Sequence[str], dialect: CsvDialect) -> list[Cell]:
    return [cell(row[field], dialect) for field in fields]


def cell(value: object, dialect: CsvDialect) -> Cell:
    """Returns text as a spreadsheet shows it and never runs it; null is empty, lists
    and objects are JSON.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return dialect.harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return str(value).replace(".", dialect.decimal_sign)
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, list | dict):
        return dialect.harmless(json.dumps(value, ensure_ascii=dialect.escapes_json))
    return str(value)
