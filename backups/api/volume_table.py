"""The list of volumes as CSV, some hundred at a time; of all of them no more is held than their
keys.
"""

import csv
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from backups.api import describe, query_params
from backups.api.csv_dialect import EXCEL, CsvDialect, dialect_of
from backups.api.json_values import listed_attributes
from backups.api.table import Cell, CsvCall, Echo, cell
from backups.api.volumes import in_order
from backups.models import Access, Volume
from backups.query.page import Pages
from backups.query.public_fields import VOLUME_FIELDS
from backups.query.volumes import VOLUMES
from backups.reports.volumes import volume_states
from backups.shared.access import access_of

VOLUMES_PER_QUERY = 200  # each brings its backups along


class VolumeTable(CsvCall):
    @extend_schema(
        operation_id="volumes_csv",
        parameters=[
            *describe.filters_of(VOLUMES),
            describe.ordering_of(VOLUMES),
            describe.FIELDS,
            EXCEL,
        ],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All disks that match, one a line; what is an object in JSON is JSON in its cell."""
        query = query_params.list_query(request, VOLUMES, ignored_keys=("fields", "excel"))
        fields = query_params.selected_fields(request, VOLUME_FIELDS)
        access = access_of(request)
        rows = Volume.objects.visible_to(access).counted(access)
        rows = rows.with_protection(self.now).with_schedule(self.now)
        pages = Pages(VOLUMES, query, self.now, rows=rows)
        dialect = dialect_of(request)
        chunks = _chunks(pages, fields, dialect, self.now, access)
        return self.answer(chunks, dialect, name="disks")


def _chunks(
    pages: Pages, fields: Sequence[str], dialect: CsvDialect, now: datetime, access: Access
) -> Iterator[str]:
    """Yields the header, then the lines of one query after the other: of all that match when it
    begins, as they are when they are read.
    """
    writer = csv.writer(Echo(), delimiter=dialect.separator)
    yield dialect.mark + writer.writerow(fields)
    keys = array("q", pages.ordered_keys())
    for start in range(0, len(keys), VOLUMES_PER_QUERY):
        volumes = in_order(list(keys[start : start + VOLUMES_PER_QUERY]))
        lines: list[str] = []
        for state in volume_states(volumes, now, access=access):
            values = listed_attributes(state, fields)
            lines.append(writer.writerow(_cells(values, fields, dialect)))
        yield "".join(lines)


def _cells(values: dict[str, object], fields: Sequence[str], dialect: CsvDialect) -> list[Cell]:
    return [cell(values[field], dialect) for field in fields]
