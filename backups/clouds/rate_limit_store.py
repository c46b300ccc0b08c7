"""A storage of the `limits` library in our database: fixed windows, by the database's own clock."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Now
from limits.storage import Storage

from backups.models import BudgetWindow


class DatabaseStorage(Storage):
    """One row per key; a window that ended begins anew with the next increment."""

    STORAGE_SCHEME = None  # made directly, never from a URI

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        ended = When(ends_at__lte=Now(), then=Value(amount))
        new_end = When(ends_at__lte=Now(), then=Now() + timedelta(seconds=expiry))
        with transaction.atomic():
            mine = BudgetWindow.objects.filter(pk=key)
            while not mine.update(
                used=Case(ended, default=F("used") + amount),
                ends_at=Case(new_end, default=F("ends_at")),
            ):
                row = BudgetWindow(key=key, used=0, ends_at=Now() + timedelta(seconds=expiry))
                BudgetWindow.objects.bulk_create([row], ignore_conflicts=True)
            return mine.values_list("used", flat=True).get()

    def get(self, key: str) -> int:
        return (
            BudgetWindow.objects.filter(pk=key, ends_at__gt=Now())
            .values_list("used", flat=True)
            .first()
            or 0
        )

    def get_expiry(self, key: str) -> float:
        end = BudgetWindow.objects.filter(pk=key).values_list("ends_at", flat=True).first()
        return end.timestamp() if end else 0.0

    def check(self) -> bool:
        return BudgetWindow.objects.exists() in (True, False)

    def reset(self) -> int | None:
        return BudgetWindow.objects.all().delete()[0]

    def clear(self, key: str) -> None:
        BudgetWindow.objects.filter(pk=key).delete()

    def __init__(
        self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
