"""Saved views of the signed-in user: a name for the list's filters, columns and order."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups.api import query
from backups.api.base import Call
from backups.api.errors import Unprocessed
from backups.api.given import Flag, Text
from backups.api.serializers import Strict, read
from backups.edits.saved_views import MAX_NAME, MAX_QUERY, MOST, kept, set_default
from backups.models import SavedView
from backups.query.backups import BACKUPS
from backups.query.list_query import InvalidQuery, parse


class ViewSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    query = serializers.CharField(help_text="What follows the ? in the address of the list.")
    is_default = serializers.BooleanField(help_text="Is it what the bare list shows?")


class NewViewSerializer(Strict):
    query = Text(allow_blank=True, max_length=MAX_QUERY)
    is_default = Flag(required=False)


class Views(Call):
    @extend_schema(operation_id="views_list", responses=ViewSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your saved views by name."""
        query.only(request)
        return Response([_shown(row) for row in _mine(request)])


class OneView(Call):
    @extend_schema(operation_id="view_save", request=NewViewSerializer, responses=ViewSerializer)
    def put(self, request: Request, name: str) -> Response:
        """Save a view, or change the one of this name."""
        query.only(request)
        data, mine = read(NewViewSerializer, request), _mine(request)
        name = " ".join(name.replace("\x00", "").split())
        if not name or len(name) > MAX_NAME:
            raise Unprocessed({"name": [f"A view needs a name of at most {MAX_NAME} characters."]})
        if mine.count() >= MOST and not mine.filter(name=name).exists():
            raise Unprocessed({"name": [f"You have {MOST} views already: remove one first."]})
        defaults = {"query": _checked(data["query"])}
        row, _ = SavedView.objects.update_or_create(
            user=cast(User, request.user), name=name, defaults=defaults
        )
        if data.get("is_default"):
            set_default(row)
        elif "is_default" in data:
            mine.filter(pk=row.pk).update(is_default=False)
        return Response(_shown(mine.get(pk=row.pk)))

    @extend_schema(operation_id="view_remove", responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Remove a view; no backup is touched."""
        query.only(request)
        if not _mine(request).filter(name=name).delete()[0]:
            raise NotFound(f"You have no view called {name[:MAX_NAME]}.")
        return Response(status=204)


def _mine(request: Request) -> "QuerySet[SavedView]":
    return SavedView.objects.filter(user=cast(User, request.user)).order_by("name", "id")


def _checked(text: str) -> str:
    """The query as a view keeps it, when the list can be asked it. Raises Unprocessed."""
    given = QueryDict(text)
    try:
        parse(
            given,
            BACKUPS,
            ignored_keys=("columns", "cursor", "live", "all", "view", "added"),
            blank_is_any=True,
        )
    except InvalidQuery as e:
        raise Unprocessed({"query": list(e.errors.values())}) from e
    return kept(given)


def _shown(row: SavedView) -> dict[str, Any]:
    return {"name": row.name, "query": row.query, "is_default": row.is_default}
