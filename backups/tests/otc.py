"""A simulated cloud `otc`, configured for the engine, and what tests of the engine say often."""

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.utils import timezone

from backups.clouds import registry
from backups.edits import tracking
from backups.models import Backup, Cloud
from backups.refresh.dispatcher import needs
from backups.simulator import Simulator
from backups.vbs.clouds import load_clouds

VOLUME = "3d0f6a52-77c1-4b0e-9a44-0c6b2f1d9e10"


def silent(*names: str, **words: Any) -> dict[str, Any]:
    """Entries of clouds.yaml for clouds that nobody asks anything; `words` go into each."""
    auth = {"auth_url": "http://127.0.0.1:9/v3", "username": "u", "password": "p"}
    return {
        name: {"auth": {**auth, "user_domain_name": "d", "project_id": "p"}, **words}
        for name in names
    }


def configure(settings: Any, folder: Path, entries: dict[str, Any]) -> None:
    """As after a start with these entries in clouds.yaml."""
    file = folder / "clouds.yaml"
    file.write_text(json.dumps({"clouds": entries}))  # JSON is YAML
    settings.CLOUDS = load_clouds({"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=folder, home=folder)


@contextmanager
def running(
    settings: Any,
    folder: Path,
    *,
    auth: str = "password",
    entry: dict[str, Any] | None = None,
    **words: Any,
) -> Iterator[Simulator]:
    """`words` go to the simulator, `entry` into clouds.yaml; without a budget
    unless it says otherwise. With `api="both"` there is a second cloud `otc-cbr` for the same
    project, through CBR.
    """
    with Simulator(**{"clock": timezone.now, **words}) as sim:
        more = {"vbs_requests_per_second": 0, **(entry or {})}
        entries = {"otc": sim.cloud_entry(auth=auth, **more)}
        if sim.api == "both":
            entries["otc-cbr"] = sim.cloud_entry(auth=auth, api="cbr", **more)
        configure(settings, folder, entries)
        registry.ensure_rows()
        yield sim
        registry.forget_clients()


def track(ids: Sequence[str]) -> None:
    tracking.add(cloud="otc", values=ids, now=timezone.now())


def make_due() -> None:
    """As time does it, without a person."""
    Backup.objects.update(next_refresh_at=timezone.now(), claimed_until=None)


def works() -> list[str]:
    """What the dispatcher calls workers for, the list of disks, quota and policies aside."""
    aside = ("list_disks", "read_quota", "read_policies")
    return [need.work for need in needs(timezone.now()) if need.work not in aside]


def cloud() -> Cloud:
    return Cloud.objects.get(pk="otc")


def row(backup_id: str) -> Any:
    return Backup.objects.with_tracking_state(timezone.now()).get(pk=uuid.UUID(backup_id))


def singles(sim: Simulator) -> int:
    """How many single GETs of backups there were."""
    return sum(
        1
        for call in sim.requests
        if call.method == "GET" and "/backups/" in call.path and "/detail" not in call.path
    )


def lists(sim: Simulator) -> int:
    return sum(1 for call in sim.requests if call.path.endswith("/backups/detail"))


def sign_ins(sim: Simulator) -> int:
    return sum(1 for call in sim.requests if call.method == "POST")
