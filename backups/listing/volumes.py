"""What the list of disks can be asked. Its rows carry `protection`: `Volume.objects.with_protection(now)`."""

from collections.abc import Sequence
from typing import Final

from django.db.models import Q

from backups.analysis.protection import PROTECTIONS
from backups.listing.listing import Derived, Listing, Rank
from backups.listing.words import Word, words_of
from backups.models import Volume, VolumeTag

WORST_FIRST = ("overdue", "never", "late", "unknown", "protected", "exempt")
_HIDDEN = frozenset({"id", "note", "version", "last_good", "listed_backups"} | set(Volume.RULE))


def _tagged(tags: Sequence[str]) -> Q:
    return Q(pk__in=VolumeTag.objects.filter(tag__in=tags).values("volume"))


def _holding(text: str) -> Q:
    return Q(name__icontains=text) | Q(label__icontains=text) | Q(volume_id__icontains=text)


def _standing(word: str) -> Rank:
    return lambda now: Q(protection=word)


VOLUMES: Final = Listing(
    name="volumes",
    model=Volume,
    columns={word.name: word for word in words_of(Volume, hidden=_HIDDEN, choices={})},
    derived={
        "protection": Derived(
            Word("protection", "choice", False, PROTECTIONS), lambda words, now: Q(protection__in=words)
        )
    },
    orders=(
        "name",
        "cloud",
        "volume_id",
        "size",
        "chain_size_mb",
        "last_good_at",
        "late_at",
        "overdue_at",
        "attention",
    ),
    default_order="attention",
    ranks=tuple(_standing(word) for word in WORST_FIRST),
    tagged=_tagged,
    search=_holding,
)
