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

    STORAGE_SCHEME = None  # Made directly, never from a URI.

    def __init__(
        self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        new_end = Now() + timedelta(seconds=expiry)
        used = Case(When(ends_at__lte=Now(), then=Value(amount)), default=F("used") + amount)
        ends_at = Case(When(ends_at__lte=Now(), then=new_end), default=F("ends_at"))
        rows = BudgetWindow.objects.filter(pk=key)
        with transaction.atomic():
            while not rows.update(used=used, ends_at=ends_at):
                # There is no row yet; another process may be making it at the same time.
                row = BudgetWindow(key=key, used=0, ends_at=new_end)
                BudgetWindow.objects.bulk_create([row], ignore_conflicts=True)
            return rows.values_list("used", flat=True).get()

    def get(self, key: str) -> int:
        rows = BudgetWindow.objects.filter(pk=key, ends_at__gt=Now())
        return rows.values_list("used", flat=True).first() or 0

    def get_expiry(self, key: str) -> float:
        end = BudgetWindow.objects.filter(pk=key).values_list("ends_at", flat=True).first()
        return end.timestamp() if end else 0.0

    def check(self) -> bool:
        return BudgetWindow.objects.exists() in (True, False)

    def reset(self) -> int | None:
        return BudgetWindow.objects.all().delete()[0]

    def clear(self, key: str) -> None:
        BudgetWindow.objects.filter(pk=key).delete()
