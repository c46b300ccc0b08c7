"""Whether a volume is in a schedule: one word and the sentence for it. Pure.

Who is in a policy is known exactly (the vaults that it is bound to name their disks), or only
observed (a task ran for it) beside how many disks the cloud says the policy has. While some of
those were not seen yet, a volume without a policy may be one of them: it is unknown, not in none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal, NamedTuple

ScheduleWord = Literal["scheduled", "off", "none", "unknown"]


class PolicyReading(StrEnum):
    """How much of the policies of a cloud is known. `refused`: it does not let us read them."""

    WHOLE = "whole"
    PART = "part"
    REFUSED = "refused"
    NEVER = "never"


class PolicyCount(NamedTuple):
    """A standing policy and its members. `claimed`: how many the cloud says it has, None where it
    does not say; `observed`: how many of them were seen; `is_exact`: all its members are named;
    `ran_last`: for how many of those that were seen its last run was.
    """

    policy: int
    name: str
    enabled: bool | None
    is_exact: bool
    claimed: int | None
    observed: int
    ran_last: int

    @property
    def may_have_others(self) -> bool:
        """Returns whether it may have members that were never seen."""
        return not self.is_exact and (self.claimed is None or self.observed < self.claimed)

    @property
    def has_lost_some(self) -> bool:
        """Returns whether some of those that were seen in it must have left it."""
        return not self.is_exact and self.claimed is not None and self.observed > self.claimed

    @property
    def last_run_tells(self) -> bool:
        """Returns whether the last run tells who is left: it was for no more than are claimed."""
        return self.claimed is not None and self.ran_last <= self.claimed


class Membership(NamedTuple):
    """A volume is in a policy. `ran_last`: the last run of the policy was for this volume too."""

    policy: int
    ran_last: bool = False


class Covered(NamedTuple):
    word: ScheduleWord
    sentence: str


@dataclass(frozen=True)
class CloudPolicies:
    """What is known of the policies of one cloud; made once for all its volumes. `name` None: no
    sentence names the cloud. `covers_servers`: a policy has whole servers, with all their disks.
    """

    reading: PolicyReading
    counts: tuple[PolicyCount, ...] = ()
    name: str | None = None
    covers_servers: bool = False

    @property
    def whose(self) -> str:
        return "its cloud" if self.name is None else f"“{self.name}”"

    @cached_property
    def by_policy(self) -> dict[int, PolicyCount]:
        return {count.policy: count for count in self.counts}

    @cached_property
    def in_no_policy(self) -> Covered:
        """Returns what is said of a volume that was seen in no policy."""
        if self.reading == PolicyReading.PART:
            return Covered("unknown", f"Not all policies of {self.whose} could be read.")
        for count in self.counts:
            if not count.may_have_others:
                continue
            if count.claimed is None:
                sentence = f"The cloud does not say which disks policy “{count.name}” has."
            else:
                sentence = (
                    f"Of the {count.claimed} disks that policy “{count.name}” has by the cloud's "
                    f"own count, {count.observed} were seen: this disk may be one of the others."
                )
            return Covered("unknown", sentence)
        return Covered("none", "No policy of its cloud has this disk.")


def cover(
    memberships: Sequence[Membership], policies: CloudPolicies, *, servers_known: bool = True
) -> Covered:
    """Returns the word of one volume and why it is that one. `servers_known`: to which servers it
    is attached.

    A policy that is on outdoes one that is off, and one that is off outdoes none at all.
    """
    if policies.reading == PolicyReading.REFUSED:
        return Covered("unknown", f"We are not allowed to read the policies of {policies.whose}.")
    if policies.reading == PolicyReading.NEVER:
        return Covered("unknown", f"The policies of {policies.whose} were not read yet.")
    off: PolicyCount | None = None
    doubt: str | None = None
    for membership in memberships:
        count = policies.by_policy.get(membership.policy)
        if count is None:
            # Its policy is gone.
            continue
        is_left = membership.ran_last and count.last_run_tells
        if count.has_lost_some and not is_left:
            doubt = (
                f"Policy “{count.name}” has {count.claimed} disks by the cloud's own count, and "
                f"{count.observed} were seen in it: this disk may have left it."
            )
        elif count.enabled is None:
            doubt = f"It could not be read whether policy “{count.name}” is on."
        elif count.enabled:
            return Covered("scheduled", f"Policy “{count.name}” backs it up.")
        else:
            off = count
    if doubt is not None:
        return Covered("unknown", doubt)
    if off is not None:
        return Covered("off", f"Its policy “{off.name}” is switched off.")
    if policies.covers_servers and not servers_known and policies.in_no_policy.word == "none":
        return Covered(
            "unknown",
            f"Policies of {policies.whose} have whole servers with their disks, and to which "
            "servers this one is attached was not read lately.",
        )
    return policies.in_no_policy
