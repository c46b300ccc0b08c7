"""Rules of protection set for a tag or for a whole cloud; a disk's own rule is on its row."""

from typing import Any

from django.db import models
from django.db.models import Q

from backups.models.cloud import Cloud
from backups.models.columns import CodePointText


class RuleColumns(models.Model):
    """No rule of its own when `rule_period_seconds` is null. With a cron expression the period is its longest gap."""

    rule_period_seconds = models.PositiveIntegerField(null=True)
    rule_grace_seconds = models.PositiveIntegerField(null=True)
    rule_cron = models.CharField(max_length=100, null=True)
    rule_zone = models.CharField(max_length=64, null=True)

    class Meta:
        abstract = True

    RULE = ("rule_period_seconds", "rule_grace_seconds", "rule_cron", "rule_zone")

    def rule_columns(self) -> dict[str, Any]:
        return {column: getattr(self, column) for column in self.RULE}


class TagRule(RuleColumns):
    tag = CodePointText(primary_key=True)
    set_at = models.DateTimeField()
    set_by = models.TextField()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(rule_period_seconds__isnull=False), name="tag_rule_is_a_rule"),
        )

    def __str__(self) -> str:
        return self.tag


class CloudRule(RuleColumns):
    cloud = models.OneToOneField(Cloud, models.CASCADE, primary_key=True, related_name="rule")
    set_at = models.DateTimeField()
    set_by = models.TextField()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(rule_period_seconds__isnull=False), name="cloud_rule_is_a_rule"),
        )

    def __str__(self) -> str:
        return str(self.cloud_id)
