"""Alarms, who took them, what is muted, and what was sent of them."""

from datetime import timedelta

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups import tasks
from backups.alarms import outbox
from backups.api import alarm_serializers, describe, query_params
from backups.api.base import Call
from backups.api.errors import InUse, Unprocessed, edit_problems
from backups.api.json_values import json_value
from backups.api.serializers import validated
from backups.edits import alarms as edits
from backups.edits import silences
from backups.edits.common import NotAllowed
from backups.edits.silences import UnknownSilence
from backups.query.alarms import ALARMS
from backups.query.definition import ListDefinition
from backups.query.deliveries import DELIVERIES
from backups.query.list_query import ListQuery
from backups.query.silence_list import SILENCES
from backups.query.silences import quiet_now
from backups.reports import deliveries as delivery_report
from backups.reports import silences as silence_report
from backups.reports.alarms import ALARM_FIELDS, Alarms
from backups.reports.deliveries import DELIVERY_FIELDS
from backups.reports.silences import SILENCE_FIELDS
from backups.shared.access import access_of


def _page_of(definition: ListDefinition) -> list[OpenApiParameter]:
    """Returns the parameters of a list whose rows have no tags."""
    parameters = describe.page_of(definition)
    return [parameter for parameter in parameters if parameter.name != "tag"]


def _query_without_tags(request: Request, definition: ListDefinition) -> ListQuery:
    """Raises Unprocessed."""
    query = query_params.list_query(request, definition)
    if query.tags:
        raise Unprocessed({"tag": ["There are no tags here."]})
    return query


def _only(row: dict[str, object], fields: list[str]) -> object:
    return json_value({name: row[name] for name in fields})


class AllAlarms(Call):
    @extend_schema(
        operation_id="alarms_list",
        parameters=describe.page_of(ALARMS),
        responses=alarm_serializers.AlarmPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Alarms in cursor pages, the worst first; `stage` says who has to look.

        Each is in one stage: pending, open, acknowledged, muted or closed.
        """
        query = query_params.list_query(request, ALARMS)
        fields = query_params.selected_fields(request, ALARM_FIELDS)
        cursor = query_params.cursor(request, ALARMS, query)
        reader = Alarms(self.now, access=access_of(request))
        page = reader.pages(query).page(cursor, query_params.limit(request), "pk")
        states = reader.states([row["pk"] for row in page.rows])
        results = [_only(state.as_row(), fields) for state in states]
        return query_params.page_response(request, page, results)


class OneAlarm(Call):
    @extend_schema(operation_id="alarm", responses=alarm_serializers.AlarmSerializer)
    def get(self, request: Request, alarm_id: int) -> Response:
        """One alarm, as it is now."""
        query_params.allow_only(request)
        return Response(_alarm(request, self, alarm_id))


class AcknowledgeOne(Call):
    @extend_schema(
        operation_id="alarm_acknowledge",
        request=alarm_serializers.AcknowledgeSerializer,
        responses=alarm_serializers.AlarmSerializer,
    )
    def post(self, request: Request, alarm_id: int) -> Response:
        """Take an alarm until it is over; one that somebody has taken stays his.

        409 for one that is over.
        """
        query_params.allow_only(request)
        _alarm(request, self, alarm_id)
        body: alarm_serializers.Acknowledge = validated(
            alarm_serializers.AcknowledgeSerializer, request
        )
        with edit_problems():
            taken = edits.acknowledge([alarm_id], body.get("reason", ""), actor=self.actor(request))
        if taken.others:
            raise InUse("It is over already.")
        return Response(_alarm(request, self, alarm_id))

    @extend_schema(operation_id="alarm_take_back", responses={204: None})
    def delete(self, request: Request, alarm_id: int) -> Response:
        """Take an acknowledgement back: it waits for somebody again."""
        query_params.allow_only(request)
        _alarm(request, self, alarm_id)
        edits.take_back([alarm_id], actor=self.actor(request))
        return Response(status=204)


class Silences(Call):
    @extend_schema(
        operation_id="silences_list",
        parameters=_page_of(SILENCES),
        responses=alarm_serializers.SilencePageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Silences in cursor pages, the newest first.

        Readers of some clouds get those that name these clouds alone.
        """
        query = _query_without_tags(request, SILENCES)
        fields = query_params.selected_fields(request, SILENCE_FIELDS)
        cursor = query_params.cursor(request, SILENCES, query)
        access = access_of(request)
        pages = silence_report.pages(query, self.now, access=access)
        page = pages.page(cursor, query_params.limit(request), "pk")
        ids = [row["pk"] for row in page.rows]
        states = silence_report.states(ids, self.now, quiet_now(self.now), access=access)
        results = [_only(state.as_row(), fields) for state in states]
        return query_params.page_response(request, page, results)

    @extend_schema(
        operation_id="silence_begin",
        request=alarm_serializers.NewSilenceSerializer,
        responses={201: alarm_serializers.SilenceSerializer},
    )
    def post(self, request: Request) -> Response:
        """Mute alarms for a time, or with `cron` for a time again and again.

        Who may see some clouds only names these clouds in `query`: `cloud=otc`.
        """
        query_params.allow_only(request)
        body: alarm_serializers.NewSilence = validated(
            alarm_serializers.NewSilenceSerializer, request
        )
        seconds = body.get("duration_seconds")
        with edit_problems():
            silence = silences.begin(
                body["query"],
                body.get("begins_at"),
                body.get("ends_at"),
                body["reason"],
                actor=self.actor(request),
                cron=body.get("cron"),
                duration=None if seconds is None else timedelta(seconds=seconds),
                zone=body.get("zone"),
            )
        return Response(_silence(request, self, silence.pk), status=201)


class OneSilence(Call):
    @extend_schema(operation_id="silence", responses=alarm_serializers.SilenceSerializer)
    def get(self, request: Request, silence_id: int) -> Response:
        """One silence, as it is now."""
        query_params.allow_only(request)
        return Response(_silence(request, self, silence_id))

    @extend_schema(operation_id="silence_end", responses={204: None})
    def delete(self, request: Request, silence_id: int) -> Response:
        """End a silence now; what it muted is told again."""
        query_params.allow_only(request)
        try:
            silences.end(silence_id, actor=self.actor(request))
        except UnknownSilence as e:
            raise NotFound(str(e)) from e
        return Response(status=204)


class Deliveries(Call):
    @extend_schema(
        operation_id="deliveries_list",
        parameters=_page_of(DELIVERIES),
        responses=alarm_serializers.DeliveryPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """What was sent, with its tries, in cursor pages, the newest first.

        Readers of some clouds get what was sent of these; digests and tests are of all clouds.
        """
        query = _query_without_tags(request, DELIVERIES)
        fields = query_params.selected_fields(request, DELIVERY_FIELDS)
        cursor = query_params.cursor(request, DELIVERIES, query)
        access = access_of(request)
        pages = delivery_report.pages(query, self.now, access=access)
        page = pages.page(cursor, query_params.limit(request), "pk")
        states = delivery_report.states([row["pk"] for row in page.rows], access=access)
        results = [_only(state.as_row(), fields) for state in states]
        return query_params.page_response(request, page, results)


class Redeliver(Call):
    @extend_schema(
        operation_id="delivery_again",
        request=None,
        responses={202: alarm_serializers.DeliverySerializer},
    )
    def post(self, request: Request, delivery_id: int) -> Response:
        """Send it once more, with the same event ID.

        409 for one that waits anyway, or whose channel is not configured any more.
        """
        query_params.allow_only(request)
        access = access_of(request)
        if not delivery_report.is_visible(delivery_id, access=access):
            raise NotFound(f"No delivery {delivery_id} is known.")
        try:
            delivery = outbox.send_again(delivery_id, actor=self.actor(request))
        except outbox.UnknownDelivery as e:
            raise NotFound(str(e)) from e
        except NotAllowed as e:
            raise InUse(str(e)) from e
        tasks.send_soon(delivery.channel)
        [state] = delivery_report.states([delivery_id], access=access)
        return Response(json_value(state.as_row()), status=202)


def _alarm(request: Request, call: Call, alarm_id: int) -> object:
    """Raises NotFound, also for one in a cloud that is not open to the asker."""
    state = Alarms(call.now, access=access_of(request)).one(alarm_id)
    if state is None:
        raise NotFound(f"No alarm {alarm_id} is known.")
    return json_value(state.as_row())


def _silence(request: Request, call: Call, silence_id: int) -> object:
    """Raises NotFound, also for one of clouds that are not all open to the asker."""
    states = silence_report.states(
        [silence_id], call.now, quiet_now(call.now), access=access_of(request)
    )
    if not states:
        raise NotFound(f"No silence {silence_id} is known.")
    return json_value(states[0].as_row())
