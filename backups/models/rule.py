"""Rules of protection set for a tag or for a whole cloud; a disk's own rule is on its row.

This is the one place that turns a rule into columns and back, and into JSON.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypedDict

from django.db import models

from backups.analysis.rules import Rule
from backups.models.cloud import Cloud
from backups.models.columns import CodePointText


class RuleValues(TypedDict):
    """A rule as JSON shows it; a rule without a cron expression has no zone."""

    period_seconds: int
    grace_seconds: int
    cron: str | None
    zone: str | None


def rule_values(rule: Rule) -> RuleValues:
    return {
        "period_seconds": int(rule.period.total_seconds()),
        "grace_seconds": int(rule.grace.total_seconds()),
        "cron": rule.cron,
        "zone": rule.zone if rule.cron else None,
    }


def columns_of_rule(rule: Rule, prefix: str = "rule") -> dict[str, object]:
    """Returns the columns `<prefix>_period_seconds`, … that hold a rule."""
    return {f"{prefix}_{name}": value for name, value in rule_values(rule).items()}


def rule_of_columns(row: Mapping[str, Any], prefix: str = "rule") -> Rule:
    """Returns the rule that the columns `<prefix>_period_seconds`, … of a row hold."""
    return Rule(
        period=timedelta(seconds=row[f"{prefix}_period_seconds"]),
        grace=timedelta(seconds=row[f"{prefix}_grace_seconds"] or 0),
        cron=row[f"{prefix}_cron"],
        zone=row[f"{prefix}_zone"] or "UTC",
    )


class RuleColumns(models.Model):
    """No rule of its own when `rule_period_seconds` is null. With a cron expression the period is
    its longest gap.
    """

    rule_period_seconds = models.PositiveIntegerField(null=True)
    rule_grace_seconds = models.PositiveIntegerField(null=True)
    rule_cron = models.CharField(max_length=100, null=True)
    rule_zone = models.CharField(max_length=64, null=True)

    class Meta:
        abstract = True

    RULE = ("rule_period_seconds", "rule_grace_seconds", "rule_cron", "rule_zone")
    NO_RULE = dict.fromkeys(RULE)

    @property
    def own_rule(self) -> Rule | None:
        if self.rule_period_seconds is None:
            return None
        return rule_of_columns({column: getattr(self, column) for column in self.RULE})


class SharedRule(RuleColumns):
    """`version` rises with every change; a rule that was taken away leaves its row, so that it goes
    on rising.
    """

    version = models.PositiveIntegerField(default=0)
    set_at = models.DateTimeField()
    set_by = models.TextField()

    class Meta:
        abstract = True


class TagRule(SharedRule):
    tag = CodePointText(primary_key=True)

    def __str__(self) -> str:
        return self.tag


class CloudRule(SharedRule):
    cloud = models.OneToOneField(Cloud, models.CASCADE, primary_key=True, related_name="rule")

    def __str__(self) -> str:
        return str(self.cloud_id)
