"""In a schedule, off, in none, or unknown: nothing is said that was not seen."""

import pytest

from backups.analysis.coverage import (
    CloudPolicies,
    Covered,
    Membership,
    PolicyCount,
    PolicyReading,
    cover,
)

WHOLE = PolicyReading.WHOLE


def count(
    policy: int = 1,
    *,
    enabled: bool | None = True,
    exact: bool = False,
    claimed: int | None = 2,
    observed: int = 2,
    ran_last: int = 2,
) -> PolicyCount:
    return PolicyCount(policy, f"p{policy}", enabled, exact, claimed, observed, ran_last)


IN_1 = [Membership(1)]


@pytest.mark.parametrize(
    ("memberships", "counts", "word"),
    [
        (IN_1, [count()], "scheduled"),
        (IN_1, [count(enabled=False)], "off"),
        (IN_1, [count(enabled=None)], "unknown"),
        ([], [], "none"),
        ([], [count()], "none"),
        ([], [count(claimed=0, observed=0)], "none"),
        # One of three was not seen: it may be this disk.
        ([], [count(claimed=3)], "unknown"),
        ([], [count(claimed=None)], "unknown"),
        ([], [count(), count(2, enabled=False, claimed=3)], "unknown"),
        ([], [count(exact=True, claimed=None, observed=0)], "none"),
        ([], [count(exact=True, claimed=9)], "none"),
        # One of three must have left: it may be this one, unless it ran last.
        (IN_1, [count(observed=3)], "unknown"),
        ([Membership(1, ran_last=True)], [count(observed=3)], "scheduled"),
        # Its last run was for more than it has now: no one knows yet who is left.
        ([Membership(1, ran_last=True)], [count(observed=5, claimed=3, ran_last=5)], "unknown"),
        ([Membership(1, ran_last=True)], [count(observed=5, claimed=3, ran_last=3)], "scheduled"),
        ([Membership(1, ran_last=True)], [count(claimed=0, ran_last=2)], "unknown"),
        (IN_1, [count(observed=3, exact=True)], "scheduled"),
        ([], [count(observed=3)], "none"),
        # On outdoes off and doubt, doubt outdoes off.
        ([Membership(1), Membership(2)], [count(enabled=False), count(2)], "scheduled"),
        ([Membership(1), Membership(2)], [count(enabled=None), count(2)], "scheduled"),
        ([Membership(1), Membership(2)], [count(enabled=False), count(2, enabled=None)], "unknown"),
        # A policy that is gone covers nothing.
        ([Membership(9)], [count()], "none"),
    ],
)
def test_a_disk_has_one_word(
    memberships: list[Membership], counts: list[PolicyCount], word: str
) -> None:
    policies = CloudPolicies(WHOLE, tuple(counts))
    assert cover(memberships, policies).word == word
    assert cover(memberships[::-1], policies).word == word


@pytest.mark.parametrize("reading", [PolicyReading.REFUSED, PolicyReading.NEVER])
@pytest.mark.parametrize("memberships", [[], IN_1])
def test_policies_that_are_not_read_put_no_disk_into_no_schedule(
    reading: PolicyReading, memberships: list[Membership]
) -> None:
    assert cover(memberships, CloudPolicies(reading, (count(),))).word == "unknown"


def test_policies_that_were_read_in_part_prove_what_they_name_and_not_what_they_do_not() -> None:
    policies = CloudPolicies(PolicyReading.PART, (count(),))
    assert cover(IN_1, policies).word == "scheduled"
    assert cover([], policies).word == "unknown"


@pytest.mark.parametrize(
    ("memberships", "policies", "sentence"),
    [
        (
            [],
            CloudPolicies(PolicyReading.REFUSED),
            "We are not allowed to read the policies of its cloud.",
        ),
        (
            [],
            CloudPolicies(PolicyReading.REFUSED, name="eu"),
            "We are not allowed to read the policies of “eu”.",
        ),
        ([], CloudPolicies(PolicyReading.NEVER), "The policies of its cloud were not read yet."),
        (
            [],
            CloudPolicies(WHOLE, (count(claimed=10, observed=7),)),
            "Of the 10 disks that policy “p1” has by the cloud's own count, 7 were seen: this "
            "disk may be one of the others.",
        ),
        (
            IN_1,
            CloudPolicies(WHOLE, (count(observed=3),)),
            "Policy “p1” has 2 disks by the cloud's own count, and 3 were seen in it: this disk "
            "may have left it.",
        ),
        (IN_1, CloudPolicies(WHOLE, (count(enabled=False),)), "Its policy “p1” is switched off."),
        (IN_1, CloudPolicies(WHOLE, (count(),)), "Policy “p1” backs it up."),
        ([], CloudPolicies(WHOLE), "No policy of its cloud has this disk."),
    ],
)
def test_the_word_has_its_reason(
    memberships: list[Membership], policies: CloudPolicies, sentence: str
) -> None:
    covered = cover(memberships, policies)
    assert isinstance(covered, Covered)
    assert covered.sentence == sentence


def test_a_disk_of_unknown_servers_may_be_in_a_policy_that_has_servers() -> None:
    with_servers = CloudPolicies(PolicyReading.WHOLE, (), covers_servers=True)
    without = CloudPolicies(PolicyReading.WHOLE, ())
    assert cover([], with_servers, servers_known=True).word == "none"
    assert cover([], without, servers_known=False).word == "none"
    covered = cover([], with_servers, servers_known=False)
    assert covered.word == "unknown"
    assert "to which servers this one is attached was not read lately" in covered.sentence
