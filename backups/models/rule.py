"""Rules of protection set for a tag or for a whole cloud; a volume's own rule is on its row."""

from django.db import models

from backups.models.access import OfClouds
from backups.models.cloud import Cloud
from backups.models.columns import CodePointText


class RuleColumns(models.Model):
    """No rule of its own when `rule_period_seconds` is null. With a cron expression the period is
    its longest gap. `analysis.rules.Rule` reads and writes these columns.
    """

    rule_period_seconds = models.PositiveIntegerField(null=True)
    rule_grace_seconds = models.PositiveIntegerField(null=True)
    rule_cron = models.CharField(max_length=100, null=True)
    rule_zone = models.CharField(max_length=64, null=True)

    class Meta:
        abstract = True

    RULE = ("rule_period_seconds", "rule_grace_seconds", "rule_cron", "rule_zone")
    NO_RULE = dict.fromkeys(RULE)


class SharedRule(RuleColumns):
    """`version` rises with every change; a rule that was taken away leaves its row, so that
    it goes on rising.
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

    objects = OfClouds["CloudRule"].as_manager()

    def __str__(self) -> str:
        return str(self.cloud_id)
