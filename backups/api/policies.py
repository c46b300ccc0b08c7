"""Backup policies: the list, one of them, and all that match as CSV."""

import csv
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups.api import describe, policy_serializers, query_params
from backups.api.base import Call
from backups.api.csv_dialect import EXCEL, CsvDialect, dialect_of
from backups.api.errors import Unprocessed
from backups.api.json_values import json_value
from backups.api.table import CsvCall, Echo, cell
from backups.models import Access
from backups.query.list_query import ListQuery
from backups.query.page import Pages
from backups.query.policies import POLICIES, POLICY_FIELDS
from backups.reports.conditional import etag
from backups.reports.policy_plans import next_runs, one_policy, policy_pages, policy_plans
from backups.shared.access import access_of

POLICIES_PER_QUERY = 200
# No policy has tags, so nobody may think that he filters by them.
FILTERS = [parameter for parameter in describe.filters_of(POLICIES) if parameter.name != "tag"]


def _version(request: Request, now: datetime, *more: object) -> str:
    """Differs as well once a run is due that an answer names as the next one."""
    path = request.get_full_path()
    return etag(request, now, path, next_runs(now, access=access_of(request)), more)


def _query(request: Request, ignored_keys: Sequence[str]) -> ListQuery:
    """Raises Unprocessed."""
    query = query_params.list_query(request, POLICIES, ignored_keys=ignored_keys)
    if query.tags:
        raise Unprocessed({"tag": ["There are no tags here."]})
    return query


class Policies(Call):
    def version_tag(self, request: Request) -> str:
        return _version(request, self.now)

    @extend_schema(
        operation_id="policies_list",
        parameters=[
            *describe.PAGE,
            describe.FIELDS,
            describe.ordering_of(POLICIES),
            *FILTERS,
        ],
        responses=policy_serializers.PolicyPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Backup policies in cursor pages, each with its next run, its disks and its newest runs.

        Those that a cloud has, or had in the last 30 days.
        """
        query = _query(request, query_params.PAGE_KEYS)
        fields = query_params.selected_fields(request, POLICY_FIELDS)
        cursor = query_params.cursor(request, POLICIES, query)
        access = access_of(request)
        pages = policy_pages(query, self.now, access=access)
        page = pages.page(cursor, query_params.limit(request), "pk")
        plans = policy_plans([row["pk"] for row in page.rows], self.now, access=access)
        results: list[object] = []
        for plan in plans:
            row = plan.as_row()
            results.append(json_value({field: row[field] for field in fields}))
        return query_params.page_response(request, page, results)


class OnePolicy(Call):
    def version_tag(self, request: Request) -> str:
        return _version(request, self.now)

    @extend_schema(operation_id="policy", responses=policy_serializers.PolicyDetailSerializer)
    def get(self, request: Request, cloud: str, policy_id: str) -> Response:
        """One policy with the runs that it promised in the last 30 days."""
        query_params.allow_only(request)
        policy = one_policy(cloud, policy_id, self.now, access=access_of(request))
        if policy is None:
            raise NotFound(f"No policy {policy_id[:80]} is known in {cloud[:80]}.")
        return Response(json_value(policy))


class PolicyTable(CsvCall):
    def version_tag(self, request: Request) -> str:
        return _version(request, self.now, request.headers.get("Accept-Language", ""))

    @extend_schema(
        operation_id="policies_csv",
        parameters=[*FILTERS, describe.ordering_of(POLICIES), describe.FIELDS, EXCEL],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All policies that match, one a line; what is an object in JSON is JSON in its cell."""
        query = _query(request, ("fields", "excel"))
        fields = query_params.selected_fields(request, POLICY_FIELDS)
        access = access_of(request)
        pages = policy_pages(query, self.now, access=access)
        dialect = dialect_of(request)
        chunks = _chunks(pages, fields, dialect, self.now, access)
        return self.answer(chunks, dialect, name="policies")


def _chunks(
    pages: Pages, fields: Sequence[str], dialect: CsvDialect, now: datetime, access: Access
) -> Iterator[str]:
    """Yields the header, then the lines of one query after the other."""
    writer = csv.writer(Echo(), delimiter=dialect.separator)
    yield dialect.mark + writer.writerow(fields)
    keys = array("q", pages.ordered_keys())
    for start in range(0, len(keys), POLICIES_PER_QUERY):
        lines: list[str] = []
        for plan in policy_plans(keys[start : start + POLICIES_PER_QUERY], now, access=access):
            row = plan.as_row()
            cells = [cell(json_value(row[field]), dialect) for field in fields]
            lines.append(writer.writerow(cells))
        yield "".join(lines)
