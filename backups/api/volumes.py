"""Disks: the list, one of them, registering one by hand, the rules that stand behind them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db.models import Case, IntegerField, QuerySet, Value, When
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups.analysis.rules import BadRule, Rule, by_cron, by_period
from backups.api import describe, query
from backups.api import serializers as shape
from backups.api import volume_shapes as disk_shape
from backups.api.backups import if_match
from backups.api.base import Call
from backups.api.conditional import etag
from backups.api.errors import Changed, Unprocessed
from backups.engine import tracking, volume_edits
from backups.engine.volumes import volume_detail, volume_states
from backups.listing.page import Pages
from backups.listing.volumes import VOLUMES
from backups.models import CloudRule, TagRule, Volume

MOST_DISKS = 500  # of one page: each brings its chains along
GRACE = 7200  # seconds, when a rule names none


class Volumes(Call):
    @extend_schema(
        operation_id="volumes_list",
        parameters=describe.page_of(VOLUMES, fields=False, most=MOST_DISKS),
        responses=disk_shape.VolumePage,
    )
    def get(self, request: Request) -> Response:
        """Disks in cursor pages, each with its protection and its chains."""
        wanted = query.selection(request, VOLUMES, beside=("limit", "cursor"))
        rows: QuerySet[Volume] = query.scoped(request, Volume.objects.with_protection(self.now))
        pages = Pages(VOLUMES, wanted, self.now, rows=rows)
        place = query.cursor(request, VOLUMES, wanted)
        page = pages.page(place, query.limit(request, most=MOST_DISKS), "pk")
        ids = [row["pk"] for row in page.rows]
        ranked = Case(*[When(pk=pk, then=Value(n)) for n, pk in enumerate(ids)], output_field=IntegerField())
        disks = Volume.objects.filter(pk__in=ids).order_by(ranked) if ids else Volume.objects.none()
        return query.paged(request, page, [shape.plain(asdict(one)) for one in volume_states(disks, self.now)])

    @extend_schema(
        operation_id="volume_register",
        request=disk_shape.NewVolumeSerializer,
        responses={201: disk_shape.VolumeDetailSerializer, 200: disk_shape.VolumeDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a disk known by hand, before it has any backup; 200 when it is known already."""
        query.only(request)
        data = shape.read(disk_shape.NewVolumeSerializer, request)
        cloud, volume_id = data["cloud"], data["volume_id"]
        if not query.opens(request, cloud):
            raise Unprocessed({"cloud": ["This token does not open this cloud."]})
        try:
            new = volume_edits.register(cloud, volume_id, label=data.get("label"), hand=self.hand(request))
        except tracking.UnknownCloud as e:
            raise Unprocessed({"cloud": [str(e)]}) from e
        except volume_edits.BadValue as e:
            raise Unprocessed({e.word: [str(e)]}) from e
        return Response(_one(request, self, cloud, volume_id), status=201 if new else 200)


class OneVolume(Call):
    def tag(self, request: Request) -> str:
        rows = Volume.objects.filter(cloud=self.kwargs["cloud"], volume_id=self.kwargs["volume_id"])
        version = rows.values_list("version", flat=True).first()
        return f'"{version}-{etag(request, self.now, request.get_full_path())[1:]}'

    @extend_schema(operation_id="volume", responses=disk_shape.VolumeDetailSerializer)
    def get(self, request: Request, cloud: str, volume_id: str) -> Response:
        """One disk with its chains and who set what."""
        query.only(request)
        return Response(_one(request, self, cloud, volume_id))

    @extend_schema(
        operation_id="volume_edit",
        parameters=[describe.IF_MATCH],
        request=disk_shape.VolumeEditSerializer,
        responses=disk_shape.VolumeDetailSerializer,
    )
    def patch(self, request: Request, cloud: str, volume_id: str) -> Response:
        """Set label, note, tags, follow, rule or exemption; null takes a rule, an exemption or a choice away."""
        query.only(request)
        _one(request, self, cloud, volume_id)
        data = shape.read(disk_shape.VolumeEditSerializer, request)
        version = if_match(request)
        try:
            columns = _columns(data, self)
            volume_edits.change([(cloud, volume_id)], columns, hand=self.hand(request), version=version)
        except volume_edits.Conflict as e:
            raise Changed(f"{e} It is at version {e.version}.") from e
        except volume_edits.BadValue as e:
            raise Unprocessed({e.word: [str(e)]}) from e
        return Response(_one(request, self, cloud, volume_id))


class Rules(Call):
    @extend_schema(operation_id="rules", responses=disk_shape.RulesSerializer)
    def get(self, request: Request) -> Response:
        """The rules set for tags and for clouds; a disk's own rule stands on the disk."""
        query.only(request)
        clouds = query.scoped(request, CloudRule.objects.order_by("cloud"))
        return Response(
            {
                "tags": {row.tag: _stored(row) for row in TagRule.objects.order_by("tag")},
                "clouds": {row.cloud_id: _stored(row) for row in clouds},
            }
        )


class RuleOfTag(Call):
    @extend_schema(operation_id="rule_of_tag_set", request=disk_shape.RuleSerializer, responses={204: None})
    def put(self, request: Request, tag: str) -> Response:
        """The rule of every disk that carries the tag and has none of its own."""
        return self._set(request, tag, rule(shape.read(disk_shape.RuleSerializer, request)))

    @extend_schema(operation_id="rule_of_tag_drop", responses={204: None})
    def delete(self, request: Request, tag: str) -> Response:
        """Take the rule of a tag away."""
        return self._set(request, tag, None)

    def _set(self, request: Request, tag: str, wanted: Rule | None) -> Response:
        query.only(request)
        try:
            volume_edits.set_tag_rule(tag, wanted, hand=self.hand(request))
        except volume_edits.BadValue as e:
            raise Unprocessed({e.word: [str(e)]}) from e
        return Response(status=204)


class RuleOfCloud(Call):
    @extend_schema(operation_id="rule_of_cloud_set", request=disk_shape.RuleSerializer, responses={204: None})
    def put(self, request: Request, cloud: str) -> Response:
        """The rule of every disk of a cloud that has no nearer one."""
        return self._set(request, cloud, rule(shape.read(disk_shape.RuleSerializer, request)))

    @extend_schema(operation_id="rule_of_cloud_drop", responses={204: None})
    def delete(self, request: Request, cloud: str) -> Response:
        """Take the rule of a cloud away."""
        return self._set(request, cloud, None)

    def _set(self, request: Request, cloud: str, wanted: Rule | None) -> Response:
        query.only(request)
        if not query.opens(request, cloud):
            raise NotFound("This token does not open this cloud.")
        try:
            volume_edits.set_cloud_rule(cloud, wanted, hand=self.hand(request))
        except volume_edits.BadValue as e:
            raise NotFound(str(e)) from e
        return Response(status=204)


def rule(data: Mapping[str, Any]) -> Rule:
    """Raises Unprocessed, which names the word at fault."""
    grace = data.get("grace_seconds", GRACE)
    try:
        if data.get("cron") is not None:
            return by_cron(cron=data["cron"], zone=data.get("zone") or "UTC", grace_seconds=grace)
        if data.get("period_seconds") is None:
            raise BadRule("period_seconds", "Write period_seconds, or cron.")
        return by_period(period_seconds=data["period_seconds"], grace_seconds=grace)
    except BadRule as e:
        raise Unprocessed({e.word: [str(e)]}) from e


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
        found |= volume_edits.exempt_columns(given["reason"], given.get("until"), call.now) if given else none
    return found


def _one(request: Request, call: Call, cloud: str, volume_id: str) -> dict[str, Any]:
    found = volume_detail(cloud, volume_id, call.now) if query.opens(request, cloud) else None
    if found is None:
        raise NotFound(f"No disk {volume_id[:80]} is known in {cloud[:80]}.")
    words: dict[str, Any] = shape.plain(asdict(found))
    return words


def _stored(row: TagRule | CloudRule) -> dict[str, Any]:
    return {
        "period_seconds": row.rule_period_seconds,
        "grace_seconds": row.rule_grace_seconds,
        "cron": row.rule_cron,
        "zone": row.rule_zone,
        "set_at": shape.z(row.set_at),
        "set_by": row.set_by,
    }
