"""Backups that were untracked and can be tracked again as they were, for a while.

A row holds all that was known of one, as a JSON text, so that no query of what is tracked has to
leave anything out.
"""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

from backups.models.access import OfClouds
from backups.models.cloud import Cloud
from backups.models.columns import CodePointText
from backups.models.search import searched_texts

KEPT_FOR = timedelta(days=30)


def containing(text: str) -> models.Q:
    """Returns the condition of rows that hold a text, as the search in what is tracked has it."""
    holds_any = models.Q()
    for searched in searched_texts(text):
        holds_any |= models.Q(GreaterThan(StrIndex(F("search_text"), Value(searched)), 0))
    return holds_any


class TrashQuerySet(OfClouds["TrashedBackup"]):
    def too_old(self, now: datetime) -> "TrashQuerySet":
        return self.filter(trashed_at__lt=now - KEPT_FOR)


class TrashedBackup(models.Model):
    """`content`: see edits/trash_content.py. The other columns are what lists show and look for."""

    backup_id = models.UUIDField()
    cloud = models.ForeignKey(
        Cloud, models.PROTECT, db_column="cloud", db_index=False, related_name="trash"
    )
    name = CodePointText(null=True)
    status = CodePointText(null=True)
    volume_id = CodePointText(null=True)
    created_at = models.DateTimeField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    trashed_at = models.DateTimeField()
    by = CodePointText()  # the name of the account, as in the record of acts
    # One press: what it put here is taken back together.
    act = models.UUIDField()
    search_text = CodePointText()  # as in SearchText
    content = models.TextField()

    objects = TrashQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "backups in the trash"
        constraints = (
            models.UniqueConstraint("backup_id", "cloud", name="trashed_once_in_a_cloud"),
        )
        indexes = (
            models.Index(F("trashed_at").desc(), "id", name="trash_newest"),
            models.Index("act", name="trash_act"),
        )

    def __str__(self) -> str:
        return self.name or str(self.backup_id)

    @property
    def kept_until(self) -> datetime:
        return self.trashed_at + KEPT_FOR
