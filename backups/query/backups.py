"""What the list of backups can be asked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, Q

from backups.models import Backup, BackupTag, SearchText
from backups.models.backup import (
    HIDDEN,
    KINDS,
    ORDERED,
    SERVICE_TYPES,
    TRACKING_STATES,
    in_tracking_state,
)
from backups.query.definition import FEW, Derived, Listing
from backups.query.fields import Word, words_of
from backups.vbs.statuses import FAILED, IN_FLIGHT


def _tracked(states: Sequence[str], now: datetime) -> Q:
    found = Q()
    for state in dict.fromkeys(states):
        found |= in_tracking_state(state, now)
    return found


def _caused(keys: Sequence[str], now: datetime) -> Q:
    return Q(cause__in=keys)


def _tagged(tags: Sequence[str]) -> Q:
    return Q(pk__in=BackupTag.objects.filter(tag__in=tags).values("backup"))


def _holding(text: str) -> Q:
    """Few are named by their IDs; with many, each row that an order comes upon is asked for its own
    text.
    """
    found = SearchText.objects.holding(text)
    few = list(found.order_by().values_list("backup", flat=True)[: FEW + 1])
    return Q(pk__in=few) if len(few) <= FEW else Q(Exists(found.filter(backup=OuterRef("pk"))))


BACKUPS: Final = Listing(
    name="backups",
    model=Backup,
    columns={
        word.name: word
        for word in words_of(
            Backup, hidden=HIDDEN, choices={"kind": KINDS, "service_type": SERVICE_TYPES}
        )
    },
    derived={
        "tracking_state": Derived(
            Word("tracking_state", "choice", False, TRACKING_STATES), _tracked
        ),
        "cause": Derived(Word("cause", "text", False), _caused),  # a key of reports.failures
    },
    orders=(*ORDERED, "attention"),
    default_order="-created_at",
    ranks=(
        lambda now: Q(status__in=FAILED, gone_at__isnull=True),
        lambda now: Q(
            stuck_at__isnull=False, stuck_at__lte=now, status__in=IN_FLIGHT, gone_at__isnull=True
        ),
        lambda now: in_tracking_state("stale", now),
        lambda now: in_tracking_state("pending", now),
        lambda now: Q(status__in=IN_FLIGHT, gone_at__isnull=True),
        lambda now: Q(gone_at__isnull=True),
        lambda now: Q(gone_at__isnull=False),
    ),
    tagged=_tagged,
    search=_holding,
    usual=5,
)
