"""What the record of who did what can be filtered and ordered by."""

from collections.abc import Sequence
from typing import Final

from django.db.models import Q

from backups.models import ActorKind, AuditEntry, ObjectKind, Outcome, Verb
from backups.query.definition import ListDefinition
from backups.query.fields import filter_fields

# In the order in which JSON and CSV show them.
AUDIT_FIELDS: Final = (
    "id",
    "at",
    "actor_kind",
    "actor",
    "token",
    "token_name",
    "client",
    "request_id",
    "verb",
    "object_kind",
    "object_id",
    "cloud",
    "before",
    "after",
    "outcome",
    "sentence",
)


def _containing(text: str) -> Q:
    """Returns the condition of rows that hold a text, in the case of any; bounded by what the table
    may hold, it is looked for in each row.
    """
    condition = Q()
    for column in ("object_id", "actor", "sentence", "client", "request_id"):
        condition |= Q(**{f"{column}__icontains": text})
    return condition


def _with_tags(_tags: Sequence[str]) -> Q:
    """No row has tags."""
    return Q(pk__in=[])


AUDIT: Final = ListDefinition(
    name="audit",
    model=AuditEntry,
    columns=filter_fields(
        AuditEntry,
        AUDIT_FIELDS,
        choices={
            "actor_kind": tuple(ActorKind),
            "verb": tuple(Verb),
            "object_kind": tuple(ObjectKind),
            "outcome": tuple(Outcome),
        },
    ),
    computed={},
    orders=("at",),
    default_order="-at",
    steady_order="at",
    ranks=(),
    with_tags=_with_tags,
    containing=_containing,
)
