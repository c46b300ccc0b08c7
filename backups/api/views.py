"""The JSON API: parse input, one call down, render."""

import json
import uuid
from dataclasses import asdict

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backups import tasks
from backups.api import serializers as shape
from backups.api.problem import TooLarge, Unprocessed
from backups.engine import clouds, schedule, tracking
from backups.listing.backups import BACKUPS
from backups.listing.cursor import BadCursor, read_cursor
from backups.listing.page import Pages
from backups.listing.selection import BadFilter, parse
from backups.models import Backup, Body

DEFAULT_LIMIT, MAX_LIMIT, MAX_IDS = 100, 1000, 10_000
BESIDE = ("limit", "cursor", "fields", "format")  # keys of the address that filter nothing
_WORDS = (*shape.WORDS, "tracking_state")


class Backups(APIView):
    @extend_schema(
        operation_id="backups_list",
        parameters=[
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
            OpenApiParameter("fields", str),
            *[OpenApiParameter(word, str, many=True) for word in BACKUPS.keys],
        ],
        responses=shape.PageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Tracked backups, newest first, in cursor pages."""
        limit, words, now = _limit(request), _fields(request), timezone.now()
        try:
            wanted = parse(request.query_params, BACKUPS, beside=BESIDE)
            given = request.query_params.get("cursor")
            cursor = read_cursor(given, BACKUPS, wanted) if given is not None else None
        except BadFilter as e:
            raise Unprocessed({key: [sentence] for key, sentence in e.problems.items()}) from e
        except BadCursor as e:
            raise Unprocessed({"cursor": [str(e)]}) from e
        pages = Pages(BACKUPS, wanted, now, rows=Backup.objects.with_tracking_state(now))
        page = pages.page(cursor, limit, *words)
        results = [shape.plain(row) for row in page.rows]
        return Response(
            {"next": _link(request, page.next), "previous": _link(request, page.previous), "results": results}
        )

    @extend_schema(
        request=shape.NewBackupsSerializer, responses={201: shape.AddedSerializer, 200: shape.AddedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Track backups by ID."""
        data = shape.NewBackupsSerializer(data=request.data)
        given = request.data.get("ids") if isinstance(request.data, dict) else None
        if isinstance(given, list) and len(given) > MAX_IDS:
            raise TooLarge(f"{len(given):,} IDs in one call; at most {MAX_IDS:,} are taken.")
        data.is_valid(raise_exception=True)
        try:
            added = tracking.add(
                cloud=data.validated_data["cloud"], values=data.validated_data["ids"], now=timezone.now()
            )
        except tracking.UnknownCloud as e:
            raise Unprocessed({"cloud": [str(e)]}) from e
        tasks.refresh_soon(added.added)
        return Response(asdict(added), status=201 if added.added else 200)


class OneBackup(APIView):
    @extend_schema(responses=shape.BackupSerializer)
    def get(self, request: Request, backup_id: uuid.UUID) -> Response:
        """One backup with all its words."""
        row = Backup.objects.with_tracking_state(timezone.now()).filter(pk=backup_id).values(*_WORDS).first()
        if row is None:
            raise NotFound(f"{backup_id} is not tracked.")
        return Response(shape.plain(row))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, backup_id: uuid.UUID) -> Response:
        """Stop tracking it; nothing is changed in the cloud."""
        if not tracking.untrack([str(backup_id)]):
            raise NotFound(f"{backup_id} is not tracked.")
        return Response(status=204)


class Refresh(APIView):
    @extend_schema(request=None, responses={202: shape.QueuedSerializer})
    def post(self, request: Request, backup_id: uuid.UUID) -> Response:
        """Ask the cloud about it now."""
        queued = tracking.refresh_now([str(backup_id)], timezone.now())
        if not queued:
            raise NotFound(f"{backup_id} is not tracked.")
        tasks.refresh_soon([str(backup_id)])
        return Response({"queued": queued}, status=202)


class Raw(APIView):
    @extend_schema(responses=shape.RawSerializer)
    def get(self, request: Request, backup_id: uuid.UUID) -> Response:
        """The last good answer as it came, key material redacted."""
        get_object_or_404(Backup, pk=backup_id)
        body = Body.objects.filter(pk=backup_id).first()
        if body is None:
            raise NotFound("The cloud has not answered for this backup yet.")
        raw = {"backup": json.loads(body.text)}
        return Response({"received_at": shape.z(body.received_at), "http_status": body.http_status, "body": raw})


class Clouds(APIView):
    @extend_schema(responses=shape.CloudSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every cloud that is configured or has rows."""
        words = list(shape.CloudSerializer().get_fields())
        states = [asdict(state) for state in clouds.states(timezone.now())]
        return Response([shape.plain({word: state[word] for word in words}) for state in states])


class Summary(APIView):
    @extend_schema(responses=shape.SummarySerializer)
    def get(self, request: Request) -> Response:
        """The numbers of the home page."""
        now = timezone.now()
        rows = Backup.objects.with_tracking_state(now)
        states = rows.tally("tracking_state")
        by_status = {status or "": n for status, n in rows.tally("status").items()}
        flying = rows.filter(status__in=schedule.IN_FLIGHT, gone_at=None).order_by("id").values_list("id", flat=True)
        counted = {"by_status": by_status, "by_tracking_state": states, "total": sum(states.values())}
        return Response({"as_of": shape.z(now), "backups": counted, "in_flight": [str(one) for one in flying[:1000]]})


def _limit(request: Request) -> int:
    value = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not value.isdecimal() or not 1 <= int(value[:9]) <= MAX_LIMIT:
        raise Unprocessed({"limit": [f"Write a number from 1 to {MAX_LIMIT}."]})
    return int(value)


def _fields(request: Request) -> list[str]:
    given = request.query_params.get("fields")
    if given is None:
        return list(_WORDS)
    words = [word.strip() for word in given.split(",")]
    if unknown := [word for word in words if word not in _WORDS]:
        raise Unprocessed({"fields": [f"No such word: {', '.join(unknown)[:200]}."]})
    return words


def _link(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
