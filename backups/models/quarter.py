"""What came of backups, by cloud and quarter of an hour: the days of any time zone are sums of a few rows.

Counting 100,000 backups by a reader's days takes longer than a page may; this table has at most 3,072 rows a cloud, and
as many for each length of grace.
"""

from collections.abc import Sequence

from django.db import connection, models

from backups.models.cloud import Cloud

_ADD = """
insert into backups_quarter (cloud, quarter, counts_from, good, failed, missed) values (%s, %s, %s, %s, %s, %s)
on conflict (cloud, quarter, counts_from) do update set good = backups_quarter.good + excluded.good,
    failed = backups_quarter.failed + excluded.failed, missed = backups_quarter.missed + excluded.missed
"""


class QuarterQuerySet(models.QuerySet["Quarter"]):
    def add(self, cloud: str, rows: Sequence[Sequence[int]]) -> None:
        """Add to what is there, sorted, so that two writers never wait for each other in a ring.

        In SQL, because the ORM's upsert cannot add to what a row holds.
        """
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany(_ADD, [(cloud, *row) for row in rows])


class Quarter(models.Model):
    cloud = models.ForeignKey(Cloud, models.CASCADE, db_column="cloud", related_name="quarters")
    quarter = models.BigIntegerField()  # since 1970, UTC
    counts_from = models.BigIntegerField()  # the quarter from which on: what is missed is foretold, and may still come
    good = models.BigIntegerField()
    failed = models.BigIntegerField()
    missed = models.BigIntegerField()

    objects = QuarterQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint("cloud", "quarter", "counts_from", name="quarter_once_a_cloud"),)
        indexes = (models.Index("quarter", name="quarter_of_all_clouds"),)

    def __str__(self) -> str:
        return f"{self.cloud_id} {self.quarter}"
