"""Volumes: the list, one of them, registering one by hand."""

from collections.abc import Mapping

from django.db.models import Case, IntegerField, Value, When
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups.api import describe, query_params, volume_serializers
from backups.api.backups import if_match
from backups.api.base import Call, edit_etag
from backups.api.errors import InUse, Unprocessed, edit_problems
from backups.api.json_values import listed_attributes
from backups.api.rules import rule_of_body
from backups.api.serializers import validated
from backups.clouds.registry import UnknownCloud
from backups.edits import volume_edits
from backups.edits.common import BadValue, clean_tags
from backups.models import Volume
from backups.models.volume import VolumeQuerySet
from backups.query.page import Pages
from backups.query.public_fields import VOLUME_DETAIL_FIELDS, VOLUME_FIELDS
from backups.query.volume_keys import stored_volume_id
from backups.query.volumes import VOLUMES
from backups.reports.volume_runs import runs_of_volume
from backups.reports.volumes import volume_detail, volume_states
from backups.shared.access import access_of

# Of `runs`: attributes of `reports.volume_runs.RunOfVolume`.
RUN_FIELDS = (
    "slot_at",
    "outcome",
    "late_seconds",
    "duration_seconds",
    "backup_id",
    "reason",
    "policy_id",
)
MOST_VOLUMES = 500  # of one page: each brings its chains along


class Volumes(Call):
    @extend_schema(
        operation_id="volumes_list",
        parameters=describe.page_of(VOLUMES, has_fields=False, max_limit=MOST_VOLUMES),
        responses=volume_serializers.VolumePageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Disks in cursor pages, each with its protection and its chains."""
        query = query_params.list_query(request, VOLUMES, ignored_keys=("limit", "cursor"))
        access = access_of(request)
        rows = Volume.objects.visible_to(access).counted(access)
        rows = rows.with_protection(self.now).with_schedule(self.now)
        pages = Pages(VOLUMES, query, self.now, rows=rows)
        cursor = query_params.cursor(request, VOLUMES, query)
        limit = query_params.limit(request, max_limit=MOST_VOLUMES)
        page = pages.page(cursor, limit, "pk")
        volumes = in_order([row["pk"] for row in page.rows])
        states = volume_states(volumes, self.now, access=access)
        results = [listed_attributes(state, VOLUME_FIELDS) for state in states]
        return query_params.page_response(request, page, results)

    @extend_schema(
        operation_id="volume_register",
        request=volume_serializers.NewVolumeSerializer,
        responses={
            201: volume_serializers.VolumeDetailSerializer,
            200: volume_serializers.VolumeDetailSerializer,
        },
    )
    def post(self, request: Request) -> Response:
        """Make a disk known by hand, before it has any backup; 200 when it is known already."""
        query_params.allow_only(request)
        data: volume_serializers.NewVolume = validated(
            volume_serializers.NewVolumeSerializer, request
        )
        cloud = data["cloud"]
        volume_id = data["volume_id"]
        try:
            is_new = volume_edits.register(
                cloud, volume_id, label=data.get("label"), actor=self.actor(request)
            )
        except UnknownCloud as e:
            raise Unprocessed({"cloud": [str(e)]}) from e
        except BadValue as e:
            raise Unprocessed({e.field: [str(e)]}) from e
        answer = _detail(request, self, cloud, volume_id)
        return Response(answer, status=201 if is_new else 200)


class OneVolume(Call):
    def version_tag(self, request: Request) -> str:
        cloud = self.kwargs["cloud"]
        volume_id = self.kwargs["volume_id"]
        version = _version(request, cloud, volume_id)
        if version is None:
            version = _version(request, cloud, stored_volume_id(cloud, volume_id))
        if version is None:
            raise _not_known(cloud, volume_id)
        return edit_etag(self, request, version)

    @extend_schema(operation_id="volume", responses=volume_serializers.VolumeDetailSerializer)
    def get(self, request: Request, cloud: str, volume_id: str) -> Response:
        """One disk with its chains and who set what."""
        query_params.allow_only(request)
        return Response(_detail(request, self, cloud, volume_id))

    @extend_schema(
        operation_id="volume_edit",
        parameters=[describe.IF_MATCH],
        request=volume_serializers.VolumeEditSerializer,
        responses=volume_serializers.VolumeDetailSerializer,
    )
    def patch(self, request: Request, cloud: str, volume_id: str) -> Response:
        """Set label, note, tags, follow, rule or exemption.

        Null takes a rule, an exemption or a choice away.
        """
        query_params.allow_only(request)
        volume_id = str(_detail(request, self, cloud, volume_id)["volume_id"])
        data: volume_serializers.VolumeEdit = validated(
            volume_serializers.VolumeEditSerializer, request
        )
        version = if_match(request)
        with edit_problems():
            columns = _columns(data, self)
            volume_edits.change(
                [(cloud, volume_id)], columns, actor=self.actor(request), version=version
            )
        return Response(_detail(request, self, cloud, volume_id))

    @extend_schema(operation_id="volume_remove", responses={204: None})
    def delete(self, request: Request, cloud: str, volume_id: str) -> Response:
        """Forget a disk that was registered by hand; 409 while anything else makes it known."""
        query_params.allow_only(request)
        volume_id = str(_detail(request, self, cloud, volume_id)["volume_id"])
        try:
            volume_edits.remove(cloud, volume_id, actor=self.actor(request))
        except volume_edits.UnknownVolume as e:
            raise _not_known(cloud, volume_id) from e
        except volume_edits.StillKnown as e:
            raise InUse(str(e)) from e
        return Response(status=204)


def _version(request: Request, cloud: str, volume_id: str) -> int | None:
    rows = Volume.objects.visible_to(access_of(request)).filter(cloud=cloud, volume_id=volume_id)
    return rows.values_list("version", flat=True).first()


def in_order(ids: list[int]) -> VolumeQuerySet:
    """Returns these volumes in this order."""
    if not ids:
        return Volume.objects.none()
    places = [When(pk=pk, then=Value(number)) for number, pk in enumerate(ids)]
    return Volume.objects.filter(pk__in=ids).order_by(Case(*places, output_field=IntegerField()))


def _columns(data: volume_serializers.VolumeEdit, call: Call) -> Mapping[str, object]:
    """Returns what a PATCH sets, by column. Raises BadValue and Unprocessed."""
    columns: dict[str, object] = {}
    if "label" in data:
        columns["label"] = volume_edits.clean_label(data["label"])
    if "note" in data:
        columns["note"] = volume_edits.clean_note(data["note"])
    if "tags" in data:
        columns["tags"] = clean_tags(data["tags"])
    if "follow" in data:
        columns["follow"] = data["follow"]
    if "rule" in data:
        rule = data["rule"]
        columns |= volume_edits.rule_columns(None if rule is None else rule_of_body(rule))
    if "exempt" in data:
        exemption = data["exempt"]
        if exemption is None:
            columns |= volume_edits.NOT_EXEMPT
        else:
            columns |= volume_edits.exempt_columns(
                exemption["reason"], exemption.get("until"), call.now
            )
    return columns


def _detail(request: Request, call: Call, cloud: str, volume_id: str) -> dict[str, object]:
    """Raises NotFound, also for what lies in a cloud that is not open to the asker."""
    detail = volume_detail(cloud, volume_id, call.now, access=access_of(request))
    if detail is None:
        raise _not_known(cloud, volume_id)
    shape = listed_attributes(detail, VOLUME_DETAIL_FIELDS)
    runs = runs_of_volume(detail.cloud, detail.volume_id, call.now, access=access_of(request))
    shape["runs"] = [listed_attributes(run, RUN_FIELDS) for run in runs]
    return shape


def _not_known(cloud: str, volume_id: str) -> NotFound:
    return NotFound(f"No disk {volume_id[:80]} is known in {cloud[:80]}.")
