"""Disks: the list, one of them, registering one by hand."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db.models import Case, IntegerField, QuerySet, Value, When
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups.api import describe, query
from backups.api import serializers as shape
from backups.api import volume_shapes as volume_shape
from backups.api.backups import if_match
from backups.api.base import Call
from backups.api.errors import Changed, Unprocessed
from backups.api.rules import rule
from backups.clouds.registry import UnknownCloud
from backups.edits import volume_edits
from backups.models import Volume
from backups.query.page import Pages
from backups.query.volumes import VOLUMES
from backups.reports.conditional import etag
from backups.reports.volumes import volume_detail, volume_states

MOST_VOLUMES = 500  # of one page: each brings its chains along


class Volumes(Call):
    @extend_schema(
        operation_id="volumes_list",
        parameters=describe.page_of(VOLUMES, fields=False, most=MOST_VOLUMES),
        responses=volume_shape.VolumePage,
    )
    def get(self, request: Request) -> Response:
        """Disks in cursor pages, each with its protection and its chains."""
        wanted = query.selection(request, VOLUMES, ignored_keys=("limit", "cursor"))
        rows: QuerySet[Volume] = query.scoped(request, Volume.objects.with_protection(self.now))
        pages = Pages(VOLUMES, wanted, self.now, rows=rows)
        place = query.cursor(request, VOLUMES, wanted)
        page = pages.page(place, query.limit(request, most=MOST_VOLUMES), "pk")
        ids = [row["pk"] for row in page.rows]
        ranked = Case(
            *[When(pk=pk, then=Value(n)) for n, pk in enumerate(ids)], output_field=IntegerField()
        )
        volumes = (
            Volume.objects.filter(pk__in=ids).order_by(ranked) if ids else Volume.objects.none()
        )
        return query.paged(
            request, page, [shape.plain(asdict(one)) for one in volume_states(volumes, self.now)]
        )

    @extend_schema(
        operation_id="volume_register",
        request=volume_shape.NewVolumeSerializer,
        responses={
            201: volume_shape.VolumeDetailSerializer,
            200: volume_shape.VolumeDetailSerializer,
        },
    )
    def post(self, request: Request) -> Response:
        """Make a disk known by hand, before it has any backup; 200 when it is known already."""
        query.only(request)
        data = shape.read(volume_shape.NewVolumeSerializer, request)
        cloud, volume_id = data["cloud"], data["volume_id"]
        if not query.opens(request, cloud):
            raise Unprocessed({"cloud": ["This token does not open this cloud."]})
        try:
            new = volume_edits.register(
                cloud, volume_id, label=data.get("label"), actor=self.actor(request)
            )
        except UnknownCloud as e:
            raise Unprocessed({"cloud": [str(e)]}) from e
        except volume_edits.BadValue as e:
            raise Unprocessed({e.word: [str(e)]}) from e
        return Response(_one(request, self, cloud, volume_id), status=201 if new else 200)


class OneVolume(Call):
    def tag(self, request: Request) -> str:
        rows = Volume.objects.filter(cloud=self.kwargs["cloud"], volume_id=self.kwargs["volume_id"])
        version = rows.values_list("version", flat=True).first()
        return f'"{version}-{etag(request, self.now, request.get_full_path())[1:]}'

    @extend_schema(operation_id="volume", responses=volume_shape.VolumeDetailSerializer)
    def get(self, request: Request, cloud: str, volume_id: str) -> Response:
        """One disk with its chains and who set what."""
        query.only(request)
        return Response(_one(request, self, cloud, volume_id))

    @extend_schema(
        operation_id="volume_edit",
        parameters=[describe.IF_MATCH],
        request=volume_shape.VolumeEditSerializer,
        responses=volume_shape.VolumeDetailSerializer,
    )
    def patch(self, request: Request, cloud: str, volume_id: str) -> Response:
        """Set label, note, tags, follow, rule or exemption; null takes a rule, an exemption or a
        choice away.
        """
        query.only(request)
        _one(request, self, cloud, volume_id)
        data = shape.read(volume_shape.VolumeEditSerializer, request)
        version = if_match(request)
        try:
            columns = _columns(data, self)
            volume_edits.change(
                [(cloud, volume_id)], columns, actor=self.actor(request), version=version
            )
        except volume_edits.Conflict as e:
            raise Changed(f"{e} It is at version {e.version}.") from e
        except volume_edits.BadValue as e:
            raise Unprocessed({e.word: [str(e)]}) from e
        return Response(_one(request, self, cloud, volume_id))


def _columns(data: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """What a PATCH sets, by column. Raises BadValue and Unprocessed."""
    found: dict[str, Any] = {}
    if "label" in data:
        found["label"] = volume_edits.text("label", data["label"] or "", most=255) or None
    if "note" in data:
        found["note"] = volume_edits.text("note", data["note"], most=volume_edits.LONGEST_TEXT)
    if "tags" in data:
        found["tags"] = volume_edits.clean_tags(data["tags"])
    if "follow" in data:
        found["follow"] = data["follow"]
    if "rule" in data:
        found |= volume_edits.rule_columns(None if data["rule"] is None else rule(data["rule"]))
    if "exempt" in data:
        given = data["exempt"]
        none = {"exempt_reason": None, "exempt_until": None}
        found |= (
            volume_edits.exempt_columns(given["reason"], given.get("until"), call.now)
            if given
            else none
        )
    return found


def _one(request: Request, call: Call, cloud: str, volume_id: str) -> dict[str, Any]:
    found = volume_detail(cloud, volume_id, call.now) if query.opens(request, cloud) else None
    if found is None:
        raise NotFound(f"No disk {volume_id[:80]} is known in {cloud[:80]}.")
    words: dict[str, Any] = shape.plain(asdict(found))
    return words
