"""What was sent, to whom, how often it was tried, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count

from backups.models import Access, DeliveredAlarm, Delivery, DeliveryAttempt
from backups.query.deliveries import DELIVERIES, DELIVERY_COLUMNS
from backups.query.list_query import ListQuery
from backups.query.page import Pages

# The words of a delivery in JSON.
DELIVERY_FIELDS: Final = (*DELIVERY_COLUMNS, "headline", "tells", "tries")
TRY_COLUMNS: Final = ("at", "duration_ms", "is_delivered", "http_status", "sentence")
TRIES_SHOWN: Final = 100  # of one delivery, the newest


@dataclass(frozen=True, kw_only=True)
class DeliveryStateRow:
    """`values`: by DELIVERY_COLUMNS. `headline`: the sentence that was sent, "" before the first
    try; `tells`: of how many alarms it says what; `tries`: the newest first.
    """

    values: Mapping[str, Any]
    headline: str
    tells: Mapping[str, int]
    tries: Sequence[Mapping[str, Any]]

    def as_row(self) -> dict[str, Any]:
        told = {"headline": self.headline, "tells": dict(self.tells), "tries": list(self.tries)}
        return {**self.values, **told}


def pages(query: ListQuery, now: datetime, *, access: Access) -> Pages:
    """Whoever sees some clouds only sees no digest and no test: these are about all of them."""
    return Pages(DELIVERIES, query, now, rows=Delivery.objects.visible_to(access))


def newest(count: int, *, access: Access) -> list[DeliveryStateRow]:
    ids = Delivery.objects.visible_to(access).order_by("-written_at", "pk").values_list("pk")
    return states([pk for (pk,) in ids[:count]], access=access)


def states(ids: Sequence[int], *, access: Access) -> list[DeliveryStateRow]:
    """Returns these deliveries, in this order, with their tries; three queries."""
    rows = Delivery.objects.visible_to(access).filter(pk__in=ids)
    by_id = {row["id"]: row for row in rows.values(*DELIVERY_COLUMNS, "message")}
    visible = list(by_id)
    tells: dict[int, dict[str, int]] = {}
    told = DeliveredAlarm.objects.filter(delivery__in=visible).order_by("what")
    for delivery, what, count in told.values_list("delivery", "what").annotate(n=Count("pk")):
        tells.setdefault(delivery, {})[what] = count
    tries: dict[int, list[Mapping[str, Any]]] = {}
    attempts = DeliveryAttempt.objects.filter(delivery__in=visible).order_by("-pk")
    for attempt in attempts.values("delivery", *TRY_COLUMNS):
        of_one = tries.setdefault(attempt.pop("delivery"), [])
        if len(of_one) < TRIES_SHOWN:
            of_one.append(attempt)
    result = []
    for pk in ids:
        if pk in by_id:
            row = dict(by_id[pk])
            result.append(
                DeliveryStateRow(
                    headline=_headline(row.pop("message")),
                    values=row,
                    tells=tells.get(pk, {}),
                    tries=tries.get(pk, []),
                )
            )
    return result


def _headline(message: object) -> str:
    headline = message.get("headline") if isinstance(message, Mapping) else None
    return headline if isinstance(headline, str) else ""


def is_visible(delivery_id: int, *, access: Access) -> bool:
    return Delivery.objects.visible_to(access).filter(pk=delivery_id).exists()
