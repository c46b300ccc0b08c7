"""What the list of backups can be filtered and ordered by."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, Q

from backups.analysis.facts import OUTCOMES, SKEW
from backups.models import Access, Backup, BackupTag, SearchText
from backups.models.backup import (
    KINDS,
    ORDERED,
    SERVICE_TYPES,
    TRACKING_STATES,
    in_tracking_state,
    is_counted,
    is_double,
)
from backups.models.volume import shown_name
from backups.query import groups
from backups.query.definition import ATTENTION, FEW, ComputedField, JoinedOrder, ListDefinition
from backups.query.fields import FieldValue, FilterField, filter_fields
from backups.query.list_query import ListQuery
from backups.query.page import LeftOut
from backups.query.public_fields import BACKUP_COLUMNS
from backups.vbs.statuses import IN_FLIGHT

# What pages call the disk of a backup.
VOLUME_NAME: Final = "volume_name"
# Whoever filters by one of these asks for certain backups, and gets those that are others' doubles
# as well; `added` is of the page.
_BY_KEY: Final = frozenset({"id", "same_as", "added"})


def _in_tracking_states(states: Sequence[FieldValue | None], now: datetime) -> Q:
    condition = Q()
    for state in dict.fromkeys(states):
        condition |= in_tracking_state(str(state), now)
    return condition


def _with_causes(keys: Sequence[FieldValue | None], now: datetime) -> Q:
    return Q(cause__in=keys)


def _with_outcomes(outcomes: Sequence[FieldValue | None], now: datetime) -> Q:
    """Outcomes are counted by volume: what is of none is in no count and in no list of one."""
    return Q(outcome__in=outcomes, volume_id__isnull=False)


def _made_at(instants: Sequence[FieldValue | None], now: datetime) -> Q:
    condition = Q()
    for instant in instants:
        condition |= _made("gte", instant, now) & _made("lte", instant, now)
    return condition


def _made(lookup: str, instant: FieldValue | None, now: datetime) -> Q:
    """Returns one end of a span of `happened_at`, by columns that have an index."""
    latest = now + SKEW
    is_believed = Q(created_at__isnull=False, created_at__lte=latest)
    by_cloud = Q(**{f"created_at__{lookup}": instant})
    by_us = Q(**{f"tracked_at__{lookup}": instant})
    return (is_believed & by_cloud) | (~is_believed & by_us)


def _in_groups(names: Sequence[FieldValue | None], now: datetime) -> Q:
    condition = Q()
    for name in names:
        condition |= groups.GROUPS[str(name)](now)
    return condition


def _with_tags(tags: Sequence[str]) -> Q:
    return Q(pk__in=BackupTag.objects.filter(tag__in=tags).values("backup"))


def _containing(text: str) -> Q:
    """Returns the condition of backups that hold a text.

    Few are named by their IDs; with many, each row that an order comes upon is asked
    for its own text.
    """
    texts = SearchText.objects.holding(text)
    ids = list(texts.order_by().values_list("backup", flat=True)[: FEW + 1])
    if len(ids) <= FEW:
        return Q(pk__in=ids)
    return Q(Exists(texts.filter(backup=OuterRef("pk"))))


def _is_failed(now: datetime) -> Q:
    return groups.failed(now) & Q(created_at__isnull=False)


def _is_failed_without_time(now: datetime) -> Q:
    return groups.failed(now)


def _is_stale(now: datetime) -> Q:
    return in_tracking_state("stale", now)


def _is_pending(now: datetime) -> Q:
    return in_tracking_state("pending", now)


def _is_in_flight(now: datetime) -> Q:
    """What is not answered for has a worse rank already."""
    return Q(status__in=IN_FLIGHT, gone_at__isnull=True)


def _is_there(now: datetime) -> Q:
    return Q(gone_at__isnull=True, created_at__isnull=False)


def _is_there_without_time(now: datetime) -> Q:
    return Q(gone_at__isnull=True)


def _is_gone(now: datetime) -> Q:
    return Q(gone_at__isnull=False)


# Each with the column by which its newest rows come first.
_WORST_FIRST = (
    (_is_failed, "created_at"),
    (_is_failed_without_time, "tracked_at"),
    (groups.stuck, "tracked_at"),
    (_is_stale, "refreshed_at"),
    (_is_pending, "tracked_at"),
    (_is_in_flight, "tracked_at"),
    (_is_there, "created_at"),
    (_is_there_without_time, "tracked_at"),
    (_is_gone, "tracked_at"),
)

BACKUPS: Final = ListDefinition(
    name="backups",
    model=Backup,
    columns=filter_fields(
        Backup,
        BACKUP_COLUMNS,
        choices={"kind": KINDS, "service_type": SERVICE_TYPES},
    ),
    computed={
        "tracking_state": ComputedField(
            FilterField("tracking_state", "choice", False, TRACKING_STATES), _in_tracking_states
        ),
        "outcome": ComputedField(FilterField("outcome", "choice", False, OUTCOMES), _with_outcomes),
        # When the cloud began it, else when it was added here, as outcomes are counted by days.
        "made_at": ComputedField(FilterField("made_at", "instant", False), _made_at, bound=_made),
        # What counts on pages are counts of: see query/groups.py.
        "group": ComputedField(
            FilterField("group", "choice", False, tuple(groups.GROUPS)), _in_groups
        ),
        # Its values are the keys of reports.failures.
        "cause": ComputedField(FilterField("cause", "text", False), _with_causes),
    },
    orders=(*ORDERED, VOLUME_NAME, ATTENTION, "id"),
    default_order="-created_at",
    steady_order="id",
    ranks=tuple(rank for rank, _ in _WORST_FIRST),
    with_tags=_with_tags,
    containing=_containing,
    usual_rank=_WORST_FIRST.index((_is_there, "created_at")),
    rank_columns={number: column for number, (_, column) in enumerate(_WORST_FIRST)},
    joined_orders={
        VOLUME_NAME: JoinedOrder(
            field=FilterField(VOLUME_NAME, "text", True),
            relation="volume",
            expression=shown_name("joined__"),
            joined=Q(joined__id__isnull=False),
            # Each volume that a backup names has a row, which `derived.queue.mark` makes with it.
            alone=Q(volume_id__isnull=True),
        )
    },
)


def left_out(query: ListQuery, access: Access) -> LeftOut | None:
    """Returns what the list leaves out: each backup is shown and counted once, whichever services
    show it.
    """
    filtered_by = {comparison.field for comparison in query.comparisons}
    if not filtered_by.isdisjoint(_BY_KEY):
        return None
    return LeftOut(rows=is_double(access), others=is_counted(access))
