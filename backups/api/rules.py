"""The rules of tags and of clouds; a disk's own rule stands on the disk."""

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from backups.analysis.rules import BadRule, Rule, by_cron, by_period
from backups.api import describe, query
from backups.api import serializers as shape
from backups.api import volume_shapes as volume_shape
from backups.api.backups import if_match
from backups.api.base import Call
from backups.api.errors import Changed, Unprocessed
from backups.edits import protection_rules, tokens
from backups.edits.protection_rules import Shared
from backups.edits.volume_edits import BadValue, Conflict

GRACE = 7200  # seconds, when a rule names none


class Rules(Call):
    @extend_schema(operation_id="rules", responses=volume_shape.RulesSerializer)
    def get(self, request: Request) -> Response:
        """The rules set for tags and for clouds."""
        query.only(request)
        clouds = [one for one in protection_rules.of_clouds() if query.opens(request, one.name)]
        return Response(
            {
                "tags": {one.name: _stored(one) for one in protection_rules.of_tags()},
                "clouds": {one.name: _stored(one) for one in clouds},
            }
        )


class RuleOfTag(Call):
    @extend_schema(
        operation_id="rule_of_tag_set",
        parameters=[describe.IF_MATCH],
        request=volume_shape.RuleSerializer,
        responses={204: None},
    )
    def put(self, request: Request, tag: str) -> Response:
        """The rule of every disk that carries the tag and has none of its own. `If-Match: 0`: only
        if there is none.
        """
        return self._set(request, tag, rule(shape.read(volume_shape.RuleSerializer, request)))

    @extend_schema(
        operation_id="rule_of_tag_drop", parameters=[describe.IF_MATCH], responses={204: None}
    )
    def delete(self, request: Request, tag: str) -> Response:
        """Take the rule of a tag away."""
        return self._set(request, tag, None)

    def _set(self, request: Request, tag: str, wanted: Rule | None) -> Response:
        query.only(request)
        if tokens.scope(request.auth) is not None:
            raise PermissionDenied(
                "The rule of a tag counts in every cloud, and this token opens some of them only."
            )
        try:
            return _write(self, request, protection_rules.set_tag_rule, tag, wanted)
        except BadValue as e:
            raise Unprocessed({e.word: [str(e)]}) from e


class RuleOfCloud(Call):
    @extend_schema(
        operation_id="rule_of_cloud_set",
        parameters=[describe.IF_MATCH],
        request=volume_shape.RuleSerializer,
        responses={204: None},
    )
    def put(self, request: Request, cloud: str) -> Response:
        """The rule of every disk of a cloud that has no nearer one. `If-Match: 0`: only if there is
        none.
        """
        return self._set(request, cloud, rule(shape.read(volume_shape.RuleSerializer, request)))

    @extend_schema(
        operation_id="rule_of_cloud_drop", parameters=[describe.IF_MATCH], responses={204: None}
    )
    def delete(self, request: Request, cloud: str) -> Response:
        """Take the rule of a cloud away."""
        return self._set(request, cloud, None)

    def _set(self, request: Request, cloud: str, wanted: Rule | None) -> Response:
        query.only(request)
        if not query.opens(request, cloud):
            raise NotFound("This token does not open this cloud.")
        try:
            return _write(self, request, protection_rules.set_cloud_rule, cloud, wanted)
        except BadValue as e:
            raise NotFound(str(e)) from e


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


def _write(
    call: Call, request: Request, setting: Callable[..., None], name: str, wanted: Rule | None
) -> Response:
    try:
        setting(name, wanted, actor=call.actor(request), version=if_match(request))
    except Conflict as e:
        raise Changed(f"{e} It is at version {e.version}.") from e
    return Response(status=204)


def _stored(one: Shared) -> dict[str, Any]:
    return {
        "period_seconds": int(one.rule.period.total_seconds()),
        "grace_seconds": int(one.rule.grace.total_seconds()),
        "cron": one.rule.cron,
        "zone": one.rule.zone if one.rule.cron else None,
        "version": one.version,
        "set_at": shape.z(one.set_at),
        "set_by": one.set_by,
    }
