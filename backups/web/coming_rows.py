"""What is coming as pages show it: each with where to look."""

from dataclasses import dataclass

from django.urls import reverse

from backups.reports.coming import ComingEvent
from backups.web import status
from backups.web.policy_rows import policy_url
from backups.web.status import Badge
from backups.web.volume_url import volume_url


@dataclass(frozen=True)
class ComingRow:
    event: ComingEvent
    badge: Badge
    href: str | None


def coming_row(event: ComingEvent) -> ComingRow:
    return ComingRow(event, status.of_coming(event.kind), _href(event))


def _href(event: ComingEvent) -> str | None:
    """Returns the page of the disk, else of the policy, else what is stored and the quotas."""
    if event.volume_id is not None:
        return volume_url(event.cloud, event.volume_id)
    if event.policy_id is not None:
        return policy_url(event.cloud, event.policy_id)
    if event.vault_id is not None:
        return f"{reverse('clouds')}#c-{event.cloud}"
    return reverse("growing")
