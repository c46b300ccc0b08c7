"""Many backups at once: by ID, or by the query string of the list."""

import uuid

from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backups import tasks
from backups.api import describe, query_params, serializers
from backups.api.backups import pages_of, refuse_too_many_ids, refuse_untracked, tracked
from backups.api.base import Call
from backups.api.errors import Unprocessed
from backups.edits import backup_edits, tracking
from backups.edits.common import BadValue
from backups.query.backups import BACKUPS
from backups.shared.access import access_of


def _chosen(call: Call, request: Request, ids: list[uuid.UUID] | None) -> QuerySet[Model]:
    """Returns the backups named in the body, or those that the filters of the query
    string find. Raises Unprocessed.
    """
    query = query_params.list_query(request, BACKUPS, ignored_keys=())
    if query.any and ids is not None:
        raise Unprocessed({"ids": ["Write IDs or filter, not both."]})
    if ids is not None:
        return tracked(request, call).filter(pk__in=ids).order_by()
    if not query.any:
        sentence = "Write IDs, or filter by the keys of the list: nothing means nothing here."
        raise Unprocessed({"ids": [sentence]})
    return pages_of(request, call, query).matching


def _chosen_ids(call: Call, request: Request) -> list[str]:
    refuse_too_many_ids(request)
    data: serializers.Ids = serializers.validated(serializers.IdsSerializer, request)
    rows = _chosen(call, request, data.get("ids"))
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


class RefreshMany(Call):
    @extend_schema(
        operation_id="backups_refresh",
        parameters=describe.filters_of(BACKUPS),
        request=serializers.IdsSerializer,
        responses={202: serializers.QueuedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Ask the clouds about these backups now."""
        ids = _chosen_ids(self, request)
        queued = tracking.refresh_now(ids, self.now, access_of(request))
        tasks.refresh_soon(ids)
        return Response({"queued": queued}, status=202)


class RefreshOne(Call):
    @extend_schema(
        operation_id="backup_refresh", request=None, responses={202: serializers.QueuedSerializer}
    )
    def post(self, request: Request, backup_id: uuid.UUID) -> Response:
        """Ask the cloud about it now."""
        query_params.allow_only(request)
        refuse_untracked(request, backup_id)
        queued = tracking.refresh_now([str(backup_id)], self.now, access_of(request))
        tasks.refresh_soon([str(backup_id)])
        return Response({"queued": queued}, status=202)


class TagMany(Call):
    @extend_schema(
        operation_id="backups_tag",
        parameters=describe.filters_of(BACKUPS),
        request=serializers.RetagSerializer,
        responses=serializers.ChangedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Put tags on these backups and take tags off; the other tags stay."""
        refuse_too_many_ids(request)
        data: serializers.Retag = serializers.validated(serializers.RetagSerializer, request)
        add = data.get("add", [])
        remove = data.get("remove", [])
        if not add and not remove:
            raise Unprocessed({"add": ["Write tags to add, to remove, or both."]})
        ids = list(_chosen(self, request, data.get("ids")).values_list("pk", flat=True))
        try:
            changed = backup_edits.add_tags(ids, add, remove, actor=self.actor(request))
        except BadValue as e:
            raise Unprocessed({"add": [str(e)]}) from e
        return Response({"changed": changed})


class UntrackMany(Call):
    @extend_schema(
        operation_id="backups_untrack",
        parameters=describe.filters_of(BACKUPS),
        request=serializers.IdsSerializer,
        responses=serializers.UntrackedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Stop tracking these backups; nothing is changed in a cloud."""
        untracked = tracking.untrack(_chosen_ids(self, request), access_of(request))
        return Response({"untracked": untracked})
