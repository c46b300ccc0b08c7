"""How many calls were made to a cloud since its first, by how they ended."""

from django.db import models

from backups.models.access import OfClouds
from backups.models.cloud import Cloud


class CloudCalls(models.Model):
    cloud = models.ForeignKey(Cloud, models.CASCADE, related_name="calls")
    class_name = models.CharField(max_length=16)  # "ok", or the class of the error
    n = models.BigIntegerField(default=0)

    objects = OfClouds["CloudCalls"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint("cloud", "class_name", name="cloud_calls_once_a_class"),
        )

    def __str__(self) -> str:
        return f"{self.cloud_id} {self.class_name} {self.n}"
