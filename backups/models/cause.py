"""Why backups failed: equal faults are one row."""

from django.db import models

from backups.models.columns import CodePointText


class Cause(models.Model):
    """Meaning and advice are not stored: they come from `analysis.causes.explain`, so a better
    wording reaches all.
    """

    key = models.CharField(max_length=16, primary_key=True)
    # "error", "error_deleting" or "error_restoring"; "" for a reason without a failure.
    state = models.CharField(max_length=16)
    code = models.CharField(max_length=32, null=True)
    text = CodePointText()  # the reason that was seen first, verbatim; "" where the cloud gave none

    def __str__(self) -> str:
        return self.code or self.text[:80] or self.state
