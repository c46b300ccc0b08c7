"""What the list of disks can be asked. Its rows must carry `protection` and `followed`
(`with_protection`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import Q

from backups.analysis.protection import PROTECTIONS
from backups.models import Volume, VolumeTag
from backups.query.definition import Derived, Listing, Rank
from backups.query.fields import Word, words_of

RULES = ("disk", "tag", "cloud", "default")
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
SINCE = {"overdue": "overdue_at", "never": "first_seen_at", "late": "late_at"}
_HIDDEN = frozenset(
    [
        *(
            "id",
            "follow",
            "last_good",
            "rule_period_seconds",
            "rule_grace_seconds",
            "rule_cron",
            "rule_zone",
        ),
        *(
            "effective_period_seconds",
            "effective_grace_seconds",
            "effective_cron",
            "effective_zone",
            "listed_backups",
        ),
        *("newest_listed_at", "known_backups", "newest_known_at"),
    ]
)


def _is(word: str) -> Rank:
    return lambda now: Q(protection=word)


def _protected(words: Sequence[str], now: datetime) -> Q:
    return Q(protection__in=words)


def _followed(values: Sequence[Any], now: datetime) -> Q:
    return Q(followed__in=values)


def _tagged(tags: Sequence[str]) -> Q:
    return Q(pk__in=VolumeTag.objects.filter(tag__in=tags).values("volume"))


def _holding(text: str) -> Q:
    """Disks are few, so they are folded here, as Python folds: the databases disagree beyond
    ASCII.
    """
    wanted = text.casefold()
    rows = Volume.objects.order_by().values_list("pk", "name", "label", "volume_id", "note")
    return Q(
        pk__in=[pk for pk, *texts in rows if any(wanted in one.casefold() for one in texts if one)]
    )


VOLUMES: Final = Listing(
    name="volumes",
    model=Volume,
    columns={
        **{
            word.name: word
            for word in words_of(Volume, hidden=_HIDDEN, choices={"rule_from": RULES})
        },
        "last_good_id": Word("last_good_id", "id", True),
    },
    derived={
        "protection": Derived(Word("protection", "choice", False, PROTECTIONS), _protected),
        "follow": Derived(Word("follow", "flag", False), _followed),
    },
    orders=(*ORDERED, "attention"),
    default_order="attention",
    ranks=tuple(_is(word) for word in WORST_FIRST),
    tagged=_tagged,
    search=_holding,
    usual=WORST_FIRST.index("protected"),
    since={WORST_FIRST.index(word): column for word, column in SINCE.items()},
)
