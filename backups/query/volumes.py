"""What the list of volumes can be filtered and ordered by. Its rows must carry `protection`,
`followed` (`with_protection`) and `schedule` (`with_schedule`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db.models import Q

from backups.analysis.protection import PROTECTIONS
from backups.analysis.runs import RunOutcome
from backups.models import Policy, Vault, Volume, VolumeTag
from backups.models.search import searched_texts
from backups.models.volume import SCHEDULES
from backups.query import groups
from backups.query.definition import ATTENTION, ComputedField, Condition, ListDefinition, Rank
from backups.query.fields import FieldValue, FilterField, filter_fields
from backups.query.public_fields import VOLUME_COLUMNS
from backups.vbs.folding import fold

RULES = ("disk", "tag", "cloud", "policy", "default")
# Of `last_run_outcome`, and of each promised run.
RUN_OUTCOMES = tuple(outcome.value for outcome in RunOutcome)
ORDERED = (
    "name",
    "label",
    "volume_id",
    "cloud",
    "size",
    "chain_size_mb",
    "last_good_at",
    "late_at",
    "overdue_at",
)
WORST_FIRST = ("overdue", "never", "late", "unknown", "protected", "exempt", "deleted")


def _has_protection(protection: str) -> Rank:
    return lambda now: Q(protection=protection)


def _with_protections(protections: Sequence[FieldValue | None], now: datetime) -> Q:
    return Q(protection__in=protections)


def _in_groups(names: Sequence[FieldValue | None], now: datetime) -> Q:
    condition = Q()
    for name in names:
        condition |= groups.VOLUME_GROUPS[str(name)](now)
    return condition


def _failing_by(causes: Sequence[FieldValue | None], now: datetime) -> Q:
    condition = Q(failing_cause__in=[cause for cause in causes if cause is not None])
    if None in causes:
        condition |= Q(failing_cause__isnull=True)
    return condition


def _followed(values: Sequence[FieldValue | None], now: datetime) -> Q:
    return Q(followed__in=values)


def _with_schedules(schedules: Sequence[FieldValue | None], now: datetime) -> Q:
    return Q(schedule__in=schedules)


def _of_policies(column: str) -> Condition:
    """Returns the filter by the policy in force: policies are few, so they are looked up first."""

    def of_policies(values: Sequence[FieldValue | None], now: datetime) -> Q:
        named = [value for value in values if value is not None]
        policies = Policy.objects.filter(**{f"{column}__in": named})
        return _of(policies.values("pk"), "policy", values)

    return of_policies


def _in_vaults(values: Sequence[FieldValue | None], now: datetime) -> Q:
    named = [value for value in values if value is not None]
    return _of(Vault.objects.filter(vault_id__in=named).values("pk"), "vault", values)


def _of(keys: object, relation: str, values: Sequence[FieldValue | None]) -> Q:
    condition = Q(**{f"{relation}__in": keys})
    if None in values:
        condition |= Q(**{f"{relation}__isnull": True})
    return condition


def _with_tags(tags: Sequence[str]) -> Q:
    return Q(pk__in=VolumeTag.objects.filter(tag__in=tags).values("volume"))


def _containing(text: str) -> Q:
    """Returns the condition of volumes that hold a text.

    They are few, so they are folded here and not stored folded.
    """
    searched_by = searched_texts(text)
    ids = []
    rows = Volume.objects.order_by().values_list("pk", "name", "label", "volume_id", "note")
    for pk, *texts in rows:
        folded = "\n".join(fold(value or "") for value in texts)
        if any(searched in folded for searched in searched_by):
            ids.append(pk)
    return Q(pk__in=ids)


VOLUMES: Final = ListDefinition(
    name="volumes",
    model=Volume,
    columns=filter_fields(
        Volume, VOLUME_COLUMNS, choices={"rule_from": RULES, "last_run_outcome": RUN_OUTCOMES}
    ),
    computed={
        "protection": ComputedField(
            FilterField("protection", "choice", False, PROTECTIONS), _with_protections
        ),
        # What counts on pages are counts of: see query/groups.py.
        "group": ComputedField(
            FilterField("group", "choice", False, tuple(groups.VOLUME_GROUPS)), _in_groups
        ),
        # By which the newest try of a volume failed; null: it did not fail.
        "cause": ComputedField(FilterField("cause", "text", True), _failing_by),
        "follow": ComputedField(FilterField("follow", "flag", False), _followed),
        "schedule": ComputedField(
            FilterField("schedule", "choice", False, SCHEDULES), _with_schedules
        ),
        # Of the policy in force and of the vault, as the cloud calls them.
        "policy_id": ComputedField(
            FilterField("policy_id", "foreign_id", True), _of_policies("policy_id")
        ),
        "policy_name": ComputedField(
            FilterField("policy_name", "text", True), _of_policies("name")
        ),
        "vault_id": ComputedField(FilterField("vault_id", "foreign_id", True), _in_vaults),
    },
    orders=(*ORDERED, ATTENTION),
    default_order=ATTENTION,
    steady_order="volume_id",
    ranks=tuple(_has_protection(protection) for protection in WORST_FIRST),
    with_tags=_with_tags,
    containing=_containing,
    usual_rank=WORST_FIRST.index("protected"),
    rank_columns={
        WORST_FIRST.index("overdue"): "overdue_at",
        WORST_FIRST.index("never"): "first_seen_at",
        WORST_FIRST.index("late"): "late_at",
    },
)
