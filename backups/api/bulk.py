"""Many backups at once: by ID, or by the query string of the list."""

import uuid
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups import tasks
from backups.api import describe, query
from backups.api import serializers as shape
from backups.api.backups import tracked
from backups.api.base import Call
from backups.api.errors import TooLarge, Unprocessed
from backups.edits import backup_edits, tracking
from backups.edits.pasted_ids import MOST
from backups.edits.volume_edits import BadValue
from backups.query.backups import BACKUPS
from backups.query.page import Pages


class _Bulk(Call):
    """`chosen`: the backups named in the body, or those that the filters of the query string
    find.
    """

    body: ClassVar[type[serializers.Serializer[Any]]] = shape.IdsSerializer

    def read(self, request: Request) -> dict[str, Any]:
        given = request.data.get("ids") if isinstance(request.data, dict) else None
        if isinstance(given, list) and len(given) > MOST:
            raise TooLarge(f"{len(given):,} IDs in one call; at most {MOST:,} are taken.")
        return shape.read(self.body, request)

    def chosen(self, request: Request, words: dict[str, Any]) -> "QuerySet[Any]":
        wanted = query.selection(request, BACKUPS, ignored_keys=())
        ids: list[uuid.UUID] | None = words.get("ids")
        if wanted.any and ids is not None:
            raise Unprocessed({"ids": ["Write IDs or filter, not both."]})
        if ids is not None:
            return tracked(request, self).filter(pk__in=ids).order_by()
        if not wanted.any:
            raise Unprocessed(
                {
                    "ids": [
                        "Write IDs, or filter by the keys of the list: nothing means nothing here."
                    ]
                }
            )
        return Pages(BACKUPS, wanted, self.now, rows=tracked(request, self)).matching


class RefreshMany(_Bulk):
    @extend_schema(
        operation_id="backups_refresh",
        parameters=describe.filters_of(BACKUPS),
        request=shape.IdsSerializer,
        responses={202: shape.QueuedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Ask the clouds about these backups now."""
        ids = [
            str(pk) for pk in self.chosen(request, self.read(request)).values_list("pk", flat=True)
        ]
        queued = tracking.refresh_now(ids, self.now)
        tasks.refresh_soon(ids)
        return Response({"queued": queued}, status=202)


class RefreshOne(Call):
    @extend_schema(
        operation_id="backup_refresh", request=None, responses={202: shape.QueuedSerializer}
    )
    def post(self, request: Request, backup_id: uuid.UUID) -> Response:
        """Ask the cloud about it now."""
        query.only(request)
        if not query.scoped(request, tracked(request, self)).filter(pk=backup_id).exists():
            raise NotFound(f"{backup_id} is not tracked.")
        queued = tracking.refresh_now([str(backup_id)], self.now)
        tasks.refresh_soon([str(backup_id)])
        return Response({"queued": queued}, status=202)


class TagMany(_Bulk):
    body = shape.RetagSerializer

    @extend_schema(
        operation_id="backups_tag",
        parameters=describe.filters_of(BACKUPS),
        request=shape.RetagSerializer,
        responses=shape.ChangedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Put tags on these backups and take tags off; the other tags stay."""
        words = self.read(request)
        add, remove = words.get("add", []), words.get("remove", [])
        if not add and not remove:
            raise Unprocessed({"add": ["Write tags to add, to remove, or both."]})
        ids = list(self.chosen(request, words).values_list("pk", flat=True))
        try:
            changed = backup_edits.add_tags(ids, add, remove, actor=self.actor(request))
        except BadValue as e:
            raise Unprocessed({"add": [str(e)]}) from e
        return Response({"changed": changed})


class UntrackMany(_Bulk):
    @extend_schema(
        operation_id="backups_untrack",
        parameters=describe.filters_of(BACKUPS),
        request=shape.IdsSerializer,
        responses=shape.UntrackedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Stop tracking these backups; nothing is changed in a cloud."""
        ids = [
            str(pk) for pk in self.chosen(request, self.read(request)).values_list("pk", flat=True)
        ]
        return Response({"untracked": tracking.untrack(ids)})
