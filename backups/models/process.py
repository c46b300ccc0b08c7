"""What a process of vbsdash last said of itself, so that one scrape shows web and
workers of all hosts.
"""

from django.db import models


class Process(models.Model):
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    part = models.CharField(max_length=32)  # web, worker, scheduler
    at = models.DateTimeField()
    # Names of the process collector of prometheus-client, without "process_".
    figures = models.JSONField()

    class Meta:
        constraints = (models.UniqueConstraint("host", "pid", name="process_once_a_host"),)

    def __str__(self) -> str:
        return f"{self.part} {self.host}:{self.pid}"
