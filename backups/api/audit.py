"""Who did what, for admins: pages of JSON, and all that matches as CSV."""

import csv
from array import array
from collections.abc import Iterator
from typing import cast

from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from backups.api import describe, query_params
from backups.api.base import Call
from backups.api.csv_dialect import EXCEL, PLAIN, CsvDialect, dialect_of
from backups.api.errors import Unprocessed
from backups.api.json_values import json_value
from backups.api.serializers import PageSerializer, Serializer
from backups.api.table import ROWS_PER_QUERY, Cell, CsvRenderer, Echo, cell
from backups.models import ActorKind, ObjectKind, Outcome, Role, Verb
from backups.query.audit import AUDIT, AUDIT_FIELDS
from backups.query.list_query import ListQuery
from backups.query.order import Row
from backups.query.page import Pages
from backups.reports import audit as audit_report
from backups.reports.conditional import etag
from backups.shared.access import access_of

# No row has tags, so nobody may think that he filters by them.
FILTERS = [parameter for parameter in describe.filters_of(AUDIT) if parameter.name != "tag"]


class AuditEntrySerializer(Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor_kind = serializers.ChoiceField(ActorKind.values)
    actor = serializers.CharField(help_text="The account; of the system its task or user.")
    token = serializers.CharField(help_text="How its key begins; empty without a token.")
    token_name = serializers.CharField()
    client = serializers.CharField(help_text="An address; empty where there is none.")
    request_id = serializers.CharField(help_text="Of the request, else of the task.")
    verb = serializers.ChoiceField(Verb.values)
    object_kind = serializers.ChoiceField(ObjectKind.values)
    object_id = serializers.CharField()
    cloud = serializers.CharField(allow_null=True)
    before = serializers.JSONField(allow_null=True, help_text="Only what changed, by name.")
    after = serializers.JSONField(allow_null=True)
    outcome = serializers.ChoiceField(Outcome.values)
    sentence = serializers.CharField()


class AuditPageSerializer(PageSerializer):
    results = AuditEntrySerializer(many=True)


class AuditCall(Call):
    role_needed = Role.ADMIN

    def version_tag(self, request: Request) -> str:
        languages = request.headers.get("Accept-Language", "")
        path = request.get_full_path()
        return etag(request, self.now, path, languages, audit_report.version())

    def pages(self, request: Request, query: ListQuery) -> Pages:
        """Raises Unprocessed."""
        if query.tags:
            raise Unprocessed({"tag": ["There are no tags here."]})
        user = cast(User, request.user)
        return audit_report.pages(query, self.now, access=access_of(request), user=user)


class Audit(AuditCall):
    @extend_schema(
        operation_id="audit_list",
        parameters=[*describe.PAGE, describe.FIELDS, describe.ordering_of(AUDIT), *FILTERS],
        responses=AuditPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Who did what, in cursor pages, the newest first.

        Admins of some clouds get the rows of these, and of those without a cloud their own.
        """
        query = query_params.list_query(request, AUDIT)
        fields = query_params.selected_fields(request, AUDIT_FIELDS)
        cursor = query_params.cursor(request, AUDIT, query)
        page = self.pages(request, query).page(cursor, query_params.limit(request), *fields)
        return query_params.page_response(request, page, json_value(page.rows))


class AuditTable(AuditCall):
    renderer_classes = (CsvRenderer, JSONRenderer)
    metadata_class = None  # what OPTIONS would tell cannot be written as CSV: 405

    @extend_schema(
        operation_id="audit_csv",
        parameters=[*FILTERS, describe.ordering_of(AUDIT), describe.FIELDS, EXCEL],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Who did what, all that matches, one a line."""
        query = query_params.list_query(request, AUDIT, ignored_keys=("fields", "excel"))
        fields = query_params.selected_fields(request, AUDIT_FIELDS)
        pages = self.pages(request, query)
        dialect = dialect_of(request)
        response = StreamingHttpResponse(
            _chunks(pages, fields, dialect), content_type="text/csv; charset=utf-8"
        )
        if dialect is not PLAIN:
            patch_vary_headers(response, ["Accept-Language"])
        name = f"audit-{self.now:%Y%m%dT%H%M%SZ}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _chunks(pages: Pages, fields: list[str], dialect: CsvDialect) -> Iterator[str]:
    """Yields the header, then a thousand lines at a time; of all rows no more is held than eight
    bytes each.
    """
    writer = csv.writer(Echo(), delimiter=dialect.separator)
    yield dialect.mark + writer.writerow(fields)
    keys = array("q", pages.ordered_keys())
    for start in range(0, len(keys), ROWS_PER_QUERY):
        rows = pages.rows_of(keys[start : start + ROWS_PER_QUERY], fields)
        yield "".join(writer.writerow(_cells(row, fields, dialect)) for row in rows)


def _cells(row: Row, fields: list[str], dialect: CsvDialect) -> list[Cell]:
    return [cell(row[field], dialect) for field in fields]
