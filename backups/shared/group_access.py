"""What groups give somebody who signs in elsewhere, as VBSDASH_GROUPS_FILE maps them."""

from collections.abc import Iterable

from django.conf import settings

from backups.models import Access, Role


def access_of_groups(groups: Iterable[str]) -> Access | None:
    """Returns the highest role that one of the groups gives, in the clouds in which one gives it;
    None where no group gives any.

    An account has one role for all its clouds. So what a group with a lower role gives in further
    clouds does not count: with the highest role there, somebody could do what no group allows.
    """
    granted: list[Access] = []
    for group in groups:
        rule = settings.GROUP_ROLES.by_group.get(group)
        if rule is not None:
            granted.append(Access(Role(rule.role), rule.clouds))
    others = settings.GROUP_ROLES.others
    if not granted and others is not None:
        granted.append(Access(Role(others.role), others.clouds))
    if not granted:
        return None
    highest = granted[0]
    for access in granted[1:]:
        highest = _higher(highest, access)
    return highest


def _higher(first: Access, second: Access) -> Access:
    if first.role != second.role:
        return first if second.role is None or first.may(second.role) else second
    if first.clouds is None or second.clouds is None:
        return Access(first.role, None)
    return Access(first.role, first.clouds | second.clouds)
