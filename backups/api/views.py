"""Saved views of the signed-in user: a name for the list's filters, columns and order."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups.api import query_params
from backups.api.base import Call
from backups.api.errors import Unprocessed
from backups.api.serializers import Serializer, StrictSerializer, validated
from backups.api.strict_fields import StrictBooleanField, StrictTextField
from backups.edits.saved_views import (
    MAX_NAME,
    MAX_QUERY,
    MOST,
    TRANSIENT_KEYS,
    BadViewName,
    TooManyViews,
    clean_name,
    lasting_query,
    remove_view,
    save_view,
    set_default,
    unset_default,
)
from backups.models import Role, SavedView, ViewedList
from backups.query.backups import BACKUPS
from backups.query.definition import ListDefinition
from backups.query.list_query import InvalidQuery, parse
from backups.query.volumes import VOLUMES

_LISTS: Mapping[str, ListDefinition] = {
    ViewedList.BACKUPS: BACKUPS,
    ViewedList.VOLUMES: VOLUMES,
}
# Keys of a list's address that filter nothing.
PAGE_KEYS = {
    ViewedList.BACKUPS: (*TRANSIENT_KEYS, "columns", "density", "added"),
    ViewedList.VOLUMES: (*TRANSIENT_KEYS, "columns", "density", "days"),
}


class ViewSerializer(Serializer):
    name = serializers.CharField()
    query = serializers.CharField(help_text="What follows the ? in the address of the list.")
    is_default = serializers.BooleanField(help_text="Is it what the bare list shows?")
    list = serializers.ChoiceField(ViewedList.values, help_text="Which list it is of.")


class NewViewSerializer(StrictSerializer):
    query = StrictTextField(allow_blank=True, max_length=MAX_QUERY)
    is_default = StrictBooleanField(required=False)
    list = serializers.ChoiceField(ViewedList.values, required=False)


class NewView(TypedDict):
    query: str
    is_default: NotRequired[bool]
    list: NotRequired[str]


class Views(Call):
    role_needed = Role.VIEWER  # they are his own

    @extend_schema(operation_id="views_list", responses=ViewSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your saved views by name."""
        query_params.allow_only(request)
        return Response([_as_json(view) for view in _own_views(request)])


class OneView(Call):
    role_needed = Role.VIEWER

    @extend_schema(operation_id="view_save", request=NewViewSerializer, responses=ViewSerializer)
    def put(self, request: Request, name: str) -> Response:
        """Save a view, or change the one of this name."""
        query_params.allow_only(request)
        data: NewView = validated(NewViewSerializer, request)
        views = _own_views(request)
        try:
            name = clean_name(name)
            list_name = ViewedList(data.get("list", ViewedList.BACKUPS))
            if list_name != ViewedList.BACKUPS and data.get("is_default"):
                raise Unprocessed({"is_default": ["Only the list of backups has a default view."]})
            query = _checked(data["query"], list_name)
            view = save_view(cast(User, request.user), name, query, list_name=list_name)
        except BadViewName as e:
            raise Unprocessed({"name": [f"{e}."]}) from e
        except TooManyViews as e:
            message = f"You have {MOST} views already: remove one first."
            raise Unprocessed({"name": [message]}) from e
        if data.get("is_default"):
            set_default(view)
        elif "is_default" in data:
            unset_default(view)
        return Response(_as_json(views.get(pk=view.pk)))

    @extend_schema(operation_id="view_remove", responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Remove a view; no backup is touched."""
        query_params.allow_only(request)
        if not remove_view(cast(User, request.user), name):
            raise NotFound(f"You have no view called {name[:MAX_NAME]}.")
        return Response(status=204)


def _own_views(request: Request) -> QuerySet[SavedView]:
    return SavedView.objects.filter(user=cast(User, request.user)).order_by("name", "id")


def _checked(text: str, list_name: ViewedList) -> str:
    """Returns the query as a view keeps it, when the list can be asked it. Raises Unprocessed."""
    query = QueryDict(text)
    try:
        parse(query, _LISTS[list_name], ignored_keys=PAGE_KEYS[list_name], blank_is_any=True)
    except InvalidQuery as e:
        raise Unprocessed({"query": list(e.errors.values())}) from e
    return lasting_query(query)


def _as_json(view: SavedView) -> dict[str, object]:
    return {
        "name": view.name,
        "query": view.query,
        "is_default": view.is_default,
        "list": view.list_name,
    }
