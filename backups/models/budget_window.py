"""Call budgets counted in the database: where there is no Redis, or while it does not answer."""

from django.db import models


class BudgetWindow(models.Model):
    key = models.CharField(max_length=255, primary_key=True)
    used = models.BigIntegerField()
    # By the clock of the database: hosts may disagree about theirs.
    ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key} {self.used}"
