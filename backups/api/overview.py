"""Clouds, failures, the numbers of the home page."""

import base64
from dataclasses import asdict

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups.analysis import zones
from backups.api import describe, overview_serializers, query_params, serializers
from backups.api.base import Call
from backups.api.errors import CloudFailed, Unprocessed
from backups.api.json_values import json_value
from backups.clouds import connection_test, discover, registry
from backups.clouds.registry import UnknownCloud
from backups.edits import volume_edits
from backups.edits.common import BadValue
from backups.models import Role
from backups.models.volume import SCHEDULES
from backups.query.cursor import BadCursor
from backups.query.volume_keys import stored_volume_id
from backups.reports import cloud_states
from backups.reports.coming import coming
from backups.reports.conditional import etag
from backups.reports.failures import causes
from backups.reports.last_runs import last_runs
from backups.reports.migration import Move, moves
from backups.reports.summary import summary
from backups.shared.access import access_of
from backups.vbs.errors import VBSError

LONGEST_FILTER = 500  # characters
_QUARTER_HOUR_S = 900


class Clouds(Call):
    @extend_schema(
        operation_id="clouds_list", responses=overview_serializers.CloudSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Every cloud that is configured or has rows."""
        query_params.allow_only(request)
        states = cloud_states.states(self.now, access=access_of(request))
        return Response([json_value(state) for state in states])


class Failures(Call):
    @extend_schema(
        operation_id="failures",
        parameters=[OpenApiParameter("cloud", str)],
        responses=overview_serializers.CauseSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Causes of failures, each once, the one seen last first.

        `key` is the list's filter `cause`.
        """
        query_params.allow_only(request, "cloud")
        cloud = request.query_params.get("cloud")
        if cloud is not None and "\x00" in cloud:
            raise Unprocessed({"cloud": ["A NUL is no part of a name."]})
        return Response(json_value(causes(self.now, access=access_of(request), cloud=cloud)))


class CloudBackups(Call):
    """Asks the cloud, so nothing here can tell beforehand whether the answer changed: its ETag is
    made of it. For the same reason it is no viewer's: calls to a cloud are few.
    """

    conditional = False
    role_needed = Role.OPERATOR

    @extend_schema(
        operation_id="cloud_backups",
        parameters=[
            *describe.PAGE,
            OpenApiParameter("status", str),
            OpenApiParameter("volume_id", str),
            OpenApiParameter("name", str),
        ],
        responses=serializers.ListedPageSerializer,
    )
    def get(self, request: Request, cloud: str) -> Response:
        """What the cloud lists itself, the newest first, tracked or not. It needs an operator; a
        token that may only read will do.
        """
        query_params.allow_only(request, "limit", "cursor", "status", "volume_id", "name")
        filters = _cloud_filters(request)
        limit = query_params.limit(request)
        offset = _offset(request)
        _refuse_unknown_cloud(request, cloud)
        if "volume_id" in filters:
            filters["volume_id"] = stored_volume_id(cloud, filters["volume_id"])
        try:
            listed = discover.listed(
                cloud, access=access_of(request), limit=limit, offset=offset, **filters
            )
        except VBSError as e:
            raise CloudFailed(f"{cloud}: {e.message_with_request}") from e
        following = None if listed.next_offset is None else _cursor(listed.next_offset)
        previous = _cursor(max(0, offset - limit)) if offset else None
        return Response(
            {
                "next": query_params.page_link(request, following),
                "previous": query_params.page_link(request, previous),
                "results": json_value(listed.backups),
            }
        )


class CloudTest(Call):
    @extend_schema(
        operation_id="cloud_test", request=None, responses=serializers.ConnectionTestSerializer
    )
    def post(self, request: Request, cloud: str) -> Response:
        """Try the way to a cloud step by step: name, TLS, sign-in, catalog, permission, path."""
        query_params.allow_only(request)
        _refuse_unknown_cloud(request, cloud)
        return Response(json_value(connection_test.run(cloud, self.now, clock=timezone.now)))


class Summary(Call):
    def version_tag(self, request: Request) -> str:
        """Days turn at midnight of the reader's zone, which is a full quarter
        of an hour everywhere.
        """
        quarter = int(self.now.timestamp()) // _QUARTER_HOUR_S
        return etag(request, self.now, request.get_full_path(), quarter)

    @extend_schema(
        operation_id="summary",
        parameters=[
            OpenApiParameter(
                "zone", str, description="By which days are told: Europe/Berlin; else UTC."
            )
        ],
        responses=overview_serializers.SummarySerializer,
    )
    def get(self, request: Request) -> Response:
        """The numbers of the home page."""
        query_params.allow_only(request, "zone")
        name = request.query_params.get("zone", "UTC")
        # In an address a plus that is not encoded is a space.
        zone = zones.zone_named(name) or zones.zone_named(name.replace(" ", "+"))
        if zone is None:
            raise Unprocessed({"zone": [f"{name[:60]!r} is no time zone. {zones.cure(name)}."]})
        access = access_of(request)
        newest = last_runs(self.now, access=access)
        answer = {
            **asdict(summary(self.now, zone, access=access)),
            "runs": {"since": newest.since, "by_outcome": newest.by_outcome},
            "schedules": {word: newest.by_schedule.get(word, 0) for word in SCHEDULES},
            "coming": coming(self.now, access=access),
        }
        return Response(json_value(answer))


class Migration(Call):
    @extend_schema(
        operation_id="migration", responses=overview_serializers.MoveSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """How far each project has moved from its old backup service to CBR; empty where no
        project is seen through both.
        """
        query_params.allow_only(request)
        every = moves(self.now, access=access_of(request))
        return Response([_move(move) for move in every])


def _move(move: Move) -> object:
    return json_value({**asdict(move), "total": move.total, "moved": move.moved})


def _cloud_filters(request: Request) -> dict[str, str]:
    """Returns what the cloud's own list is filtered by. Raises Unprocessed."""
    filters = {}
    for name in ("status", "volume_id", "name"):
        if name not in request.query_params:
            continue
        value = request.query_params[name]
        if "\x00" in value or len(value) > LONGEST_FILTER:
            raise Unprocessed({name: ["It holds what no backup can hold."]})
        filters[name] = value
    if "volume_id" in filters:
        try:
            filters["volume_id"] = volume_edits.clean_volume_id(filters["volume_id"])
        except BadValue as e:
            raise Unprocessed({e.field: [str(e)]}) from e
    return filters


def _refuse_unknown_cloud(request: Request, cloud: str) -> None:
    """Raises NotFound, of a cloud that is not open to the asker as of one that is not there."""
    access = access_of(request)
    if cloud not in registry.configured_for(access):
        raise NotFound(str(UnknownCloud(cloud, access)))


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"offset {offset}".encode()).decode().rstrip("=")


def _offset(request: Request) -> int:
    """Parses what `_cursor` wrote. Raises Unprocessed."""
    text = request.query_params.get("cursor")
    if text is None:
        return 0
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        name, number = decoded.split(" ")
        if name != "offset" or not number.isdecimal() or len(number) > 9:
            raise BadCursor
        return int(number)
    except ValueError as e:
        raise Unprocessed({"cursor": [str(BadCursor())]}) from e
