"""The rules of tags and of clouds; a volume's own rule stands on the volume."""

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from backups.analysis.rules import BadRule, Rule, as_json, by_cron, by_period
from backups.api import describe, query_params, volume_serializers
from backups.api.backups import if_match
from backups.api.base import Call
from backups.api.errors import Changed, Unprocessed, edit_problems
from backups.api.json_values import utc_text
from backups.api.serializers import validated
from backups.edits import protection_rules
from backups.edits.common import BadValue, Conflict
from backups.edits.protection_rules import Shared
from backups.shared.access import access_of

DEFAULT_GRACE_S = 7200


class Rules(Call):
    @extend_schema(operation_id="rules", responses=volume_serializers.RulesSerializer)
    def get(self, request: Request) -> Response:
        """The rules set for tags and for clouds."""
        query_params.allow_only(request)
        tags = {}
        for shared in protection_rules.of_tags(access=access_of(request)):
            tags[shared.name] = _stored(shared)
        clouds = {}
        for shared in protection_rules.of_clouds(access=access_of(request)):
            clouds[shared.name] = _stored(shared)
        return Response({"tags": tags, "clouds": clouds})


class RuleOfTag(Call):
    @extend_schema(
        operation_id="rule_of_tag_set",
        parameters=[describe.IF_MATCH],
        request=volume_serializers.RuleSerializer,
        responses={204: None},
    )
    def put(self, request: Request, tag: str) -> Response:
        """The rule of every disk that carries the tag and has none of its own.

        `If-Match: 0`: only if there is none.
        """
        return self._set(request, tag, rule_of_request(request))

    @extend_schema(
        operation_id="rule_of_tag_drop", parameters=[describe.IF_MATCH], responses={204: None}
    )
    def delete(self, request: Request, tag: str) -> Response:
        """Take the rule of a tag away."""
        return self._set(request, tag, None)

    def _set(self, request: Request, tag: str, rule: Rule | None) -> Response:
        query_params.allow_only(request)
        with edit_problems():
            protection_rules.set_tag_rule(
                tag, rule, actor=self.actor(request), version=if_match(request)
            )
        return Response(status=204)


class RuleOfCloud(Call):
    @extend_schema(
        operation_id="rule_of_cloud_set",
        parameters=[describe.IF_MATCH],
        request=volume_serializers.RuleSerializer,
        responses={204: None},
    )
    def put(self, request: Request, cloud: str) -> Response:
        """The rule of every disk of a cloud that has no nearer one.

        `If-Match: 0`: only if there is none.
        """
        return self._set(request, cloud, rule_of_request(request))

    @extend_schema(
        operation_id="rule_of_cloud_drop", parameters=[describe.IF_MATCH], responses={204: None}
    )
    def delete(self, request: Request, cloud: str) -> Response:
        """Take the rule of a cloud away."""
        return self._set(request, cloud, None)

    def _set(self, request: Request, cloud: str, rule: Rule | None) -> Response:
        query_params.allow_only(request)
        try:
            protection_rules.set_cloud_rule(
                cloud, rule, actor=self.actor(request), version=if_match(request)
            )
        except Conflict as e:
            raise Changed(f"{e} It is at version {e.version}.") from e
        except BadValue as e:
            raise NotFound(str(e)) from e
        return Response(status=204)


def rule_of_request(request: Request) -> Rule:
    """Raises ValidationError and Unprocessed."""
    return rule_of_body(validated(volume_serializers.RuleSerializer, request))


def rule_of_body(body: volume_serializers.RuleBody) -> Rule:
    """Raises Unprocessed, which names the field at fault."""
    grace = body.get("grace_seconds", DEFAULT_GRACE_S)
    cron = body.get("cron")
    period = body.get("period_seconds")
    try:
        if cron is not None:
            return by_cron(cron=cron, zone=body.get("zone") or "UTC", grace_seconds=grace)
        if period is None:
            raise BadRule("period_seconds", "Write period_seconds, or cron.")
        return by_period(period_seconds=period, grace_seconds=grace)
    except BadRule as e:
        raise Unprocessed({e.field: [str(e)]}) from e


def _stored(shared: Shared) -> dict[str, object]:
    return {
        **as_json(shared.rule),
        "version": shared.version,
        "set_at": utc_text(shared.set_at),
        "set_by": shared.set_by,
    }
