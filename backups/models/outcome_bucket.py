"""What came of backups, by cloud and quarter of an hour: the days of any time zone are sums
of a few rows.

Counting 100,000 backups by a reader's days takes longer than a page may; this table has at most
3,072 rows a cloud, and as many for each length of grace.
"""

from collections.abc import Sequence

from django.db import connection, models

from backups.models.access import OfClouds
from backups.models.cloud import Cloud

_ADD = """
insert into backups_outcomebucket (cloud, quarter_hour, counts_from, good, failed, missed)
values (%s, %s, %s, %s, %s, %s)
on conflict (cloud, quarter_hour, counts_from) do update set
    good = backups_outcomebucket.good + excluded.good,
    failed = backups_outcomebucket.failed + excluded.failed,
    missed = backups_outcomebucket.missed + excluded.missed
"""


class OutcomeBucketQuerySet(OfClouds["OutcomeBucket"]):
    def add(self, cloud: str, rows: Sequence[Sequence[int]]) -> None:
        """Adds to what is there. `rows`: quarter_hour, counts_from, good, failed, missed.

        They are sorted, so that two writers never wait for each other in a ring.

        In SQL, because the ORM's upsert cannot add to what a row holds.
        """
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany(_ADD, [(cloud, *row) for row in rows])


class OutcomeBucket(models.Model):
    cloud = models.ForeignKey(
        Cloud, models.CASCADE, db_column="cloud", related_name="outcome_buckets"
    )
    quarter_hour = models.BigIntegerField()  # since 1970, UTC
    # The quarter of an hour from which on: what is missed is foretold, and may still come.
    counts_from = models.BigIntegerField()
    good = models.BigIntegerField()
    failed = models.BigIntegerField()
    missed = models.BigIntegerField()

    objects = OutcomeBucketQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                "cloud", "quarter_hour", "counts_from", name="outcome_bucket_once"
            ),
        )
        indexes = (models.Index("quarter_hour", name="outcome_bucket_time"),)

    def __str__(self) -> str:
        return f"{self.cloud_id} {self.quarter_hour}"
