"""By how much what is stored in a cloud changed on a day of UTC; the sum up to a day
is what there was.

Kept for ever: one row a cloud and day. Days before vbsdash ran are told by the backups that were
there to be tracked.
"""

from collections.abc import Sequence

from django.db import connection, models

from backups.models.access import OfClouds
from backups.models.cloud import Cloud

_ADD = """
insert into backups_storedday (cloud, day, mb, backups, gb) values (%s, %s, %s, %s, %s)
on conflict (cloud, day) do update set mb = backups_storedday.mb + excluded.mb,
    backups = backups_storedday.backups + excluded.backups, gb = backups_storedday.gb + excluded.gb
"""


class StoredDayQuerySet(OfClouds["StoredDay"]):
    def add(self, cloud: str, rows: Sequence[Sequence[int]]) -> None:
        """Adds to what is there; see `OutcomeBucketQuerySet.add`. `rows`: day, mb, backups, gb."""
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany(_ADD, [(cloud, *row) for row in rows])


class StoredDay(models.Model):
    cloud = models.ForeignKey(Cloud, models.CASCADE, db_column="cloud", related_name="stored_days")
    # As date.toordinal() counts them, so that it can stand in one query with other numbers.
    day = models.IntegerField()
    mb = models.BigIntegerField()
    backups = models.BigIntegerField()
    gb = models.BigIntegerField()  # of the volumes that the backups are of, as a quota counts them

    objects = StoredDayQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint("cloud", "day", name="stored_day_once_a_cloud"),)

    def __str__(self) -> str:
        return f"{self.cloud_id} {self.day}"
