"""What the list of policies can be filtered and ordered by."""

from collections.abc import Sequence
from typing import Final

from django.db.models import Q

from backups.models import Policy
from backups.query.definition import ListDefinition
from backups.query.fields import filter_fields

POLICY_APIS: Final = ("vbs", "cbr")
POLICY_COLUMNS: Final = ("cloud", "policy_id", "name", "api", "enabled", "claimed")
# What a policy has in JSON and CSV, in this order.
POLICY_FIELDS: Final = (
    "cloud",
    "policy_id",
    "name",
    "api",
    "enabled",
    "schedule",
    "retention",
    "members",
    "vaults",
    "newest_run",
    "runs_30_days",
    "first_seen_at",
    "seen_at",
    "deleted_at",
    "problems",
)


def _with_tags(_tags: Sequence[str]) -> Q:
    """No row has tags that could be looked for."""
    return Q(pk__in=[])


def _containing(text: str) -> Q:
    return Q(name__icontains=text) | Q(policy_id__icontains=text)


POLICIES: Final = ListDefinition(
    name="policies",
    model=Policy,
    columns=filter_fields(Policy, POLICY_COLUMNS, choices={"api": POLICY_APIS}),
    computed={},
    orders=("name", "policy_id", "cloud"),
    default_order="name",
    steady_order="policy_id",
    ranks=(),
    with_tags=_with_tags,
    containing=_containing,
)
