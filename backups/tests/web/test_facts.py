"""Each fact of a backup's page stands under its own label, beside the API's own key."""

import re
import uuid
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.models import Backup, Cloud
from backups.tests.accounts import make_operator

pytestmark = [pytest.mark.either, pytest.mark.django_db]

# label, the API's key, the field that is set to a value, and what the page shows of it
FACTS = [
    ("Status", "status", "status", "restoring", "restoring"),
    ("Progress", "progress", "progress", 41, "41 %"),
    ("Kind", "INC · Type", "kind", "full", "full"),
    ("Description", "DESC", "description", "before the upgrade", "before the upgrade"),
    ("Created", "created_at", "created_at", "2026-11-02T03:04Z", "2 Nov 2026 03:04 UTC"),
    ("Changed", "updated_at", "updated_at", "2026-11-02T03:05Z", "2 Nov 2026 03:05 UTC"),
    ("Data as of", "data_timestamp", "data_timestamp", "2026-11-02T03:03Z", "2 Nov 2026 03:03 UTC"),
    ("Made for", "ST", "service_type", "disk", "disk"),
    ("Bootable", "bootable", "bootable", True, "yes"),
    ("Zone", "availability_zone", "availability_zone", "eu-de-02", "eu-de-02"),
    ("Disk", "volume_id", "volume_id", "db-01", "db-01"),
    ("Disk type", "VT", "volume_type", "SSD", "SSD"),
    ("Snapshot", "snapshot_id", "snapshot_id", "snapshot-1", "snapshot-1"),
    ("Project", "tenant_id", "tenant_id", "project-1", "project-1"),
    ("Server", "VMID", "vm_id", "server-1", "server-1"),
    ("Host", "OMID", "host_id", "host-1", "host-1"),
    ("Disk size", "size", "size", 42, "42 GB"),
    ("Speed", "AT", "throughput_mb_s", 43.5, "43.5 MB/s"),
    ("Saved", "SS", "space_saving_percent", 44, "44 %"),
    ("Deduplicated", "DL", "deduplicated", True, "yes"),
    ("Compressed", "DL", "compressed", True, "yes"),
    ("Encrypted", "VK · CMKID", "encrypted", True, "yes"),
    ("Key of the encryption", "CMKID", "cmk_id", "key-1", "key-1"),
    ("Container", "container", "container", "container-1", "container-1"),
    ("Storage path", "SP", "storage_path", "path-1", "path-1"),
    ("Storage unit", "BP", "storage_unit_path", "unit-1", "unit-1"),
    ("Storage type", "BT", "storage_type", 45, "45"),
    ("Chain size", "CS", "chain_size_mb", 46, "46 MB"),
    ("Needed by others", "has_dependent_backups", "has_dependent_backups", True, "yes"),
    ("Incremental flag", "is_incremental", "is_incremental", True, "yes"),
    ("Request was incremental", "INC", "inc", 1, "1"),
    ("Type", "Type", "type", 47, "47"),
    ("Objects", "object_count", "object_count", 48, "48"),
    ("Job", "ebk_T_I", "job_id", "job-1", "job-1"),
    ("Backup image", "backupurl", "backup_image_id", "image-1", "image-1"),
    ("Other keys", "unmapped", "unmapped", {"snap_id": "odd-1"}, "snap_id odd-1"),
    ("Known", "refreshed_at", "refreshed_at", "2026-11-02T03:06Z", "2 Nov 2026 03:06 UTC"),
    ("Last tried", "attempted_at", "attempted_at", "2026-11-02T03:07Z", "2 Nov 2026 03:07 UTC"),
    ("Next look", "next_refresh_at", "next_refresh_at", "2026-11-30T03:08Z", "30 Nov 2026 03:08"),
    ("Tracked since", "tracked_at", "tracked_at", "2026-11-02T03:09Z", "2 Nov 2026 03:09 UTC"),
    ("Tags", "tags", "tags", ["nightly"], "nightly"),
    ("Note", "note", "note", "ask Ada first", "ask Ada first"),
    ("Could not read", "decode_problems", "decode_problems", ["size: odd"], "size: odd"),
]
# Those that have no line while there is no value.
ONLY_WITH_A_VALUE = [
    (
        "Deleted by the cloud",
        "expired_at",
        "expired_at",
        "2026-12-02T03:10Z",
        "2 Dec 2026 03:10 UTC",
    ),
    ("Made by policy", "scheduled_operation_id", "policy_id", "policy-1", "policy-1"),
    ("Part of the backup of a server", "parent_id", "parent_id", "parent-1", "parent-1"),
    ("Vault", "vault_id", "vault_id", "vault-1", "vault-1"),
    ("Counted as", "same_as", "same_as", str(uuid.UUID(int=9)), str(uuid.UUID(int=9))),
]
# The facts that no field of the row is set for.
OTHERS = [("Cloud", "cloud"), ("Links", "links"), ("State", "tracking_state")]


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def shown_facts(web: Client, **fields: Any) -> dict[tuple[str, str], str]:
    """What the page of a backup with these fields shows, by label and key."""
    now = timezone.now()
    Cloud.objects.get_or_create(name="otc")
    plain = {"cloud_id": "otc", "status": "available", "tracked_at": now, "refreshed_at": now}
    backup = Backup.objects.create(id=uuid.uuid4(), **plain | fields)
    page = web.get(f"/backups/{backup.pk}/").content.decode()
    facts = re.findall(
        r'<dt>([^<]*) <span class="key">([^<]*)</span>\s*</dt>\s*<dd>(.*?)</dd>', page, re.DOTALL
    )
    return {(unescape(label), unescape(key)): text(value) for label, key, value in facts}


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@pytest.mark.parametrize(
    ("label", "key", "field", "value", "shown"), FACTS, ids=[fact[2] for fact in FACTS]
)
def test_a_field_is_shown_under_its_label_beside_its_key(
    web: Client, label: str, key: str, field: str, value: Any, shown: str
) -> None:
    without = shown_facts(web)[label, key]
    assert shown in shown_facts(web, **{field: value})[label, key]
    assert shown not in without


@pytest.mark.parametrize(
    ("label", "key", "field", "value", "shown"),
    ONLY_WITH_A_VALUE,
    ids=[fact[2] for fact in ONLY_WITH_A_VALUE],
)
def test_what_one_service_alone_supplies_has_a_line_where_there_is_a_value(
    web: Client, label: str, key: str, field: str, value: Any, shown: str
) -> None:
    assert (label, key) not in shown_facts(web)
    assert shown in shown_facts(web, **{field: value})[label, key]


def test_every_fact_of_the_page_is_one_of_these(web: Client) -> None:
    labels_and_keys = [(label, key) for label, key, *_ in FACTS] + OTHERS
    assert sorted(shown_facts(web)) == sorted(labels_and_keys)
