"""Writes role and clouds of an account, and notes who gave them."""

from django.contrib.auth.models import User
from django.db import transaction

from backups.edits.common import ensure_cloud
from backups.models import Access, Account, Cloud, ObjectKind, Role, Verb
from backups.models.data_version import data_changed
from backups.shared import audit
from backups.shared.access import granted_to
from backups.shared.acting import Who


def give(user: User, access: Access, *, who: Who | None = None) -> None:
    """Gives an account role and clouds, and nothing beyond them; `user` knows them at once. `who`:
    who gives them, where it is not who asks. Raises BadValue for a cloud that nobody knows.
    """
    before = granted_to(user)
    names = sorted(access.clouds or ())
    with transaction.atomic():
        for name in names:
            ensure_cloud(name)
        row, _ = Account.objects.update_or_create(
            user=user,
            defaults={"role": access.role or Role.VIEWER, "all_clouds": access.clouds is None},
        )
        row.clouds.set(Cloud.objects.filter(pk__in=names))
        if before != access:
            audit.note(
                Verb.ACCOUNT_EDIT,
                ObjectKind.ACCOUNT,
                user.get_username(),
                before=noted(before),
                after=noted(access),
                who=who,
            )
        data_changed()
    user.account = row


def noted(access: Access) -> dict[str, object]:
    """Returns an access as the record of who did what tells it; "all" stands for all clouds."""
    clouds: object = "all" if access.clouds is None else sorted(access.clouds)
    return {"role": access.role, "clouds": clouds}
