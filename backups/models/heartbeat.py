"""When a part of vbsdash last showed that it works."""

from django.db import models


class Heartbeat(models.Model):
    # "scheduler"; a queue that a worker takes messages from.
    part = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.part
