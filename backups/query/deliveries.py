"""What the log of deliveries can be filtered by."""

from collections.abc import Sequence
from typing import Final

from django.db.models import Exists, OuterRef, Q

from backups.models import Delivery, DeliveryAttempt, DeliveryKind, DeliveryState
from backups.query.definition import ListDefinition
from backups.query.fields import filter_fields

# In the order in which JSON shows them.
DELIVERY_COLUMNS: Final = (
    "id",
    "event_id",
    "channel",
    "kind",
    "cloud",
    "written_at",
    "send_at",
    "state",
    "attempts",
    "finished_at",
)


def _with_tags(_tags: Sequence[str]) -> Q:
    """No row has tags that could be looked for."""
    return Q(pk__in=[])


def _containing(text: str) -> Q:
    """Returns the condition of deliveries whose channel, cloud or tries hold a text."""
    tries = DeliveryAttempt.objects.filter(delivery=OuterRef("pk"), sentence__icontains=text)
    return Q(channel__icontains=text) | Q(cloud__name__icontains=text) | Q(Exists(tries))


DELIVERIES: Final = ListDefinition(
    name="deliveries",
    model=Delivery,
    columns=filter_fields(
        Delivery,
        DELIVERY_COLUMNS,
        choices={"kind": tuple(DeliveryKind.values), "state": tuple(DeliveryState.values)},
    ),
    computed={},
    orders=("written_at",),
    default_order="-written_at",
    steady_order="written_at",
    ranks=(),
    with_tags=_with_tags,
    containing=_containing,
)
