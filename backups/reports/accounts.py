"""The accounts as an admin sees them: those that may no more than himself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from backups.models import Access, Account, ApiToken, ExternalIdentity
from backups.shared.access import granted_to, may_change_account, sees_account

PAGE_SIZE = 100


@dataclass(frozen=True)
class AccountRow:
    """`access`: what it may while it is switched on. `issuer`: who signs it in elsewhere, "" where
    nobody does. `may_change`: by the admin who looks.
    """

    id: int
    name: str
    access: Access
    is_superuser: bool
    is_active: bool
    has_password: bool
    issuer: str
    last_sign_in: datetime | None
    usable_tokens: int
    may_change: bool

    @property
    def clouds(self) -> Sequence[str] | None:
        """The names in order; None: all."""
        return None if self.access.clouds is None else sorted(self.access.clouds)


@dataclass(frozen=True)
class AccountPage:
    """`n`: of all pages; `next`: the name behind which the next page begins, None on the last."""

    rows: Sequence[AccountRow]
    n: int
    next: str | None


def accounts_seen_by(
    admin: User, access: Access, *, q: str, after: str, now: datetime
) -> AccountPage:
    """Returns a page of accounts by name; five queries. `access`: the admin's. `q`: what the name
    holds; `after`: where the page before ended, "" for the first.
    """
    users = _seen_with(access)
    if q:
        users = users.filter(username__icontains=q)
    n = users.count()
    if after:
        users = users.filter(username__gt=after)
    users = users.select_related("account", "external_identity").prefetch_related("account__clouds")
    page = list(users.order_by("username")[: PAGE_SIZE + 1])
    shown = page[:PAGE_SIZE]
    tokens = _usable_tokens([user.pk for user in shown], now)
    rows = [_row(user, admin, tokens.get(user.pk, 0)) for user in shown]
    return AccountPage(rows, n, rows[-1].name if len(page) > PAGE_SIZE else None)


def account_seen_by(admin: User, account_id: int) -> User | None:
    """Returns an account; None where there is none, or none that this admin sees."""
    user = User.objects.select_related("account", "external_identity").filter(pk=account_id).first()
    return user if user is not None and sees_account(admin, user) else None


def account_row(user: User, admin: User, now: datetime) -> AccountRow:
    return _row(user, admin, _usable_tokens([user.pk], now).get(user.pk, 0))


def _seen_with(access: Access) -> QuerySet[User]:
    """Returns the accounts that an admin with this access covers."""
    if access.clouds is None:
        return User.objects.all()
    given = Account.clouds.through.objects.filter(account_id=OuterRef("pk"))
    beyond = given.exclude(cloud_id__in=access.clouds)
    limited = User.objects.filter(is_superuser=False, account__all_clouds=False)
    return limited.filter(~Exists(beyond))


def _usable_tokens(users: Sequence[int], now: datetime) -> dict[int, int]:
    in_use = Q(expires_at=None) | Q(expires_at__gt=now)
    tokens = ApiToken.objects.filter(in_use, user__in=users, revoked_at=None)
    counts = tokens.order_by().values_list("user").annotate(n=Count("pk"))
    return dict(counts)


def _row(user: User, admin: User, usable_tokens: int) -> AccountRow:
    identity: ExternalIdentity | None = getattr(user, "external_identity", None)
    return AccountRow(
        id=user.pk,
        name=user.get_username(),
        access=granted_to(user),
        is_superuser=user.is_superuser,
        is_active=user.is_active,
        has_password=user.has_usable_password(),
        issuer=identity.issuer if identity is not None else "",
        last_sign_in=user.last_login,
        usable_tokens=usable_tokens,
        may_change=may_change_account(admin, user),
    )
