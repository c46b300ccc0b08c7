"""Clouds, failures, the numbers of the home page."""

import base64
from dataclasses import asdict
from zoneinfo import ZoneInfo

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups.api import describe, overview_shapes, query
from backups.api import serializers as shape
from backups.api.base import Call
from backups.api.errors import CloudFailed, Unprocessed
from backups.clouds import connection_test, discover, registry
from backups.clouds.registry import UnknownCloud
from backups.edits import tokens, volume_edits
from backups.edits.volume_edits import BadValue
from backups.query.cursor import BadCursor
from backups.reports import cloud_states
from backups.reports.conditional import etag
from backups.reports.failures import causes
from backups.reports.summary import summary
from backups.vbs.errors import VBSError


class Clouds(Call):
    @extend_schema(operation_id="clouds_list", responses=overview_shapes.CloudSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every cloud that is configured or has rows."""
        query.only(request)
        states = [one for one in cloud_states.states(self.now) if query.opens(request, one.name)]
        return Response([shape.plain(asdict(state)) for state in states])


class Failures(Call):
    @extend_schema(
        operation_id="failures",
        parameters=[OpenApiParameter("cloud", str)],
        responses=overview_shapes.CauseSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Causes of failures, each once, the one seen last first; `key` is the list's filter
        `cause`.
        """
        query.only(request, "cloud")
        cloud = request.query_params.get("cloud")
        if cloud is not None and "\x00" in cloud:
            raise Unprocessed({"cloud": ["A NUL is no part of a name."]})
        found = causes(self.now, cloud=cloud, clouds=tokens.scope(request.auth))
        return Response([shape.plain(asdict(one)) for one in found])


class CloudBackups(Call):
    """Asks the cloud, so nothing here can tell beforehand whether the answer changed: its ETag is
    made of it.
    """

    conditional = False

    @extend_schema(
        operation_id="cloud_backups",
        parameters=[
            *describe.PAGE,
            OpenApiParameter("status", str),
            OpenApiParameter("volume_id", str),
            OpenApiParameter("name", str),
        ],
        responses=shape.ListedPage,
    )
    def get(self, request: Request, cloud: str) -> Response:
        """What the cloud lists itself, the newest first, tracked or not."""
        query.only(request, "limit", "cursor", "status", "volume_id", "name")
        filters = {
            word: request.query_params[word]
            for word in ("status", "volume_id", "name")
            if word in request.GET
        }
        if bad := next(
            (word for word, value in filters.items() if "\x00" in value or len(value) > 500), None
        ):
            raise Unprocessed({bad: ["It holds what no backup can hold."]})
        if "volume_id" in filters:
            try:
                filters["volume_id"] = volume_edits.clean_volume_id(filters["volume_id"])
            except BadValue as e:
                raise Unprocessed({e.word: [str(e)]}) from e
        limit, offset = query.limit(request), _offset(request)
        _check(request, cloud)
        try:
            found = discover.listed(cloud, limit=limit, offset=offset, **filters)
        except VBSError as e:
            raise CloudFailed(f"{cloud}: {e.message}") from e
        following = None if found.next_offset is None else _cursor(found.next_offset)
        previous = _cursor(max(0, offset - limit)) if offset else None
        results = [shape.plain(asdict(one)) for one in found.backups]
        return Response(
            {
                "next": query.link(request, following),
                "previous": query.link(request, previous),
                "results": results,
            }
        )


class CloudTest(Call):
    @extend_schema(
        operation_id="cloud_test", request=None, responses=shape.ConnectionTestSerializer
    )
    def post(self, request: Request, cloud: str) -> Response:
        """Try the way to a cloud step by step: name, TLS, sign-in, catalog, permission, path."""
        query.only(request)
        _check(request, cloud)
        return Response(
            shape.plain(asdict(connection_test.run(cloud, self.now, clock=timezone.now)))
        )


class Summary(Call):
    def tag(self, request: Request) -> str:
        """Days turn at midnight of the reader's zone, which is a full quarter of an hour
        everywhere.
        """
        return etag(request, self.now, request.get_full_path(), int(self.now.timestamp()) // 900)

    @extend_schema(
        operation_id="summary",
        parameters=[
            OpenApiParameter(
                "zone", str, description="By which days are told: Europe/Berlin; else UTC."
            )
        ],
        responses=overview_shapes.SummarySerializer,
    )
    def get(self, request: Request) -> Response:
        """The numbers of the home page."""
        query.only(request, "zone")
        given = request.query_params.get("zone", "UTC")
        try:
            zone = ZoneInfo(given)
        except (ValueError, OSError, KeyError) as e:  # no such key, no such file, a path, a folder
            raise Unprocessed({"zone": [f"{given[:60]!r} is no time zone."]}) from e
        return Response(
            shape.plain(asdict(summary(self.now, zone, only=tokens.scope(request.auth))))
        )


def _check(request: Request, cloud: str) -> None:
    if not query.opens(request, cloud):
        raise NotFound("This token does not open this cloud.")
    if cloud not in registry.configured():
        raise NotFound(str(UnknownCloud(cloud)))


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"offset {offset}".encode()).decode().rstrip("=")


def _offset(request: Request) -> int:
    given = request.query_params.get("cursor")
    if given is None:
        return 0
    try:
        word, number = (
            base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode("ascii").split(" ")
        )
        if word != "offset" or not number.isdecimal() or len(number) > 9:
            raise BadCursor
        return int(number)
    except ValueError as e:
        raise Unprocessed({"cursor": [str(BadCursor())]}) from e
