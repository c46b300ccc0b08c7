"""What one volume brought into its cloud's OutcomeBucket and StoredDay rows, so that it can be
taken out again.
"""

from django.db import models

from backups.models.volume import Volume


class VolumeContribution(models.Model):
    """`digest` is of the rest: most volumes bring what they brought before, and then nothing else
    has to be read.
    """

    volume = models.OneToOneField(
        Volume, models.CASCADE, primary_key=True, related_name="contribution"
    )
    digest = models.CharField(max_length=32)
    outcomes = models.JSONField(default=dict)  # "quarter_hour counts_from": [good, failed, missed]
    days = models.JSONField(default=dict)  # day since 0001-01-01: [MB, backups, GB]

    def __str__(self) -> str:
        return str(self.volume_id)
