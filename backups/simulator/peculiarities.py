"""What makes a stream's backups special: names, descriptions, oddities, and why
some of them failed.
"""

from backups.simulator.body import Facts, uuid_from
from backups.simulator.stream import Stream
from backups.simulator.timeline import AVAILABLE

ODD_NAMES = (
    "<script>alert('backup')</script>",
    "نسخة احتياطية يومية",
    "💾 before the move 🚚",
    '"quoted" & <b>bold</b>',
    "\u202eesrever ni",
    '=HYPERLINK("http://attacker.example")',
    "Ärger mit Ölförderung – 日本語の名前",
    "a very long name " + "that goes on " * 15,
)
PLAIN_TEXTS = ("Backup of {prod} at 100%", "before upgrade to 12.4", "2024", "keep until audit")
# What an import of an old backup leaves empty.
NULL_KEYS = (
    "name",
    "description",
    "object_count",
    "availability_zone",
    "has_dependent_backups",
    "snapshot_id",
    "is_incremental",
    "container",
    "fail_reason",
    "updated_at",
    "data_timestamp",
    "service_metadata",
)


def automatic_name(stream: Stream, n: int) -> str:
    return f"autobk_{stream.random_bits(n, 'name') & 0xFFFF:04x}"


def add_peculiarities(stream: Stream, n: int, facts: Facts) -> None:
    """Finishes the facts of occurrence `n`: name as a policy gives it, encryption, the stream's own
    peculiarity, and the reason of a failure.
    """
    facts.name = automatic_name(stream, n)
    if stream.volume.encrypted:
        facts.encryption_key_id = uuid_from(f"key {stream.volume.volume_id}")
        facts.metadata = {
            "VK": (uuid_from(f"vk {facts.id}") * 2).replace("-", ""),
            "CMKID": facts.encryption_key_id,
        }
    _add_peculiarity(stream, n, facts)
    if facts.phase.status in ("error", "error_deleting"):
        facts.fail_reason = fail_reason(stream, n, backup_id=facts.id)


def _add_peculiarity(stream: Stream, n: int, facts: Facts) -> None:
    volume = stream.volume
    vm_id = volume.server_id
    match stream.peculiarity:
        case "by_hand":
            facts.name = f"{volume.name}-before-release-{n % 90}"
            facts.description = "before release, asked for by the team"
            _make_full(facts)
        case "csbs":
            facts.name = f"manualbk_{10000 + stream.random_bits(n, 'name') % 90000}"
            facts.description = ""
            facts.metadata = {"ST": 1, "VMID": vm_id}
        case "disk_copy":
            _make_copy(stream, facts)
            facts.metadata = {"ST": 4}
        case "vm_copy":
            _make_copy(stream, facts)
            facts.metadata = {"ST": 5, "VMID": vm_id}
        case "available_with_reason":
            if facts.phase is AVAILABLE and n % 3 == 0:
                facts.fail_reason = "Invalid InitiatorConnector protocol specified DSWARE"
        case "first_is_inc":
            # The request was incremental, the first result is full all the same (§3.1).
            facts.inc = 1
        case "odd_names":
            facts.name = ODD_NAMES[n % len(ODD_NAMES)]
        case "plain_description":
            facts.name = f"{volume.name}-script"
            facts.wrapped = False
            facts.description = PLAIN_TEXTS[n % len(PLAIN_TEXTS)]
        case "nulls":
            facts.keys = dict.fromkeys(NULL_KEYS)
        case "by_script":
            facts.name = f"{volume.name}-{facts.id[:4]}"
            facts.description = "by script"


def _make_full(facts: Facts) -> None:
    facts.full = True
    facts.inc = 0


def _make_copy(stream: Stream, facts: Facts) -> None:
    facts.name = f"copy-of-{stream.volume.name}"
    facts.description = "replica"
    _make_full(facts)


def fail_reason(stream: Stream, n: int, *, backup_id: str) -> str:
    snapshot_id = uuid_from(f"snapshot {backup_id}")
    volume_id = stream.volume.volume_id
    host = f"192.0.2.{20 + stream.random_bits(n, 'host') % 9}"
    seconds = 600 + stream.random_bits(n, "t") % 60
    reasons = (
        "VolumeBackup.0064: CreateBackup Task-fail: fsp cinder return backup status is error.",
        f"VolumeBackup.0062: snapshot {snapshot_id} of disk {volume_id} is in status error.",
        "VolumeBackup.0081: the backup capacity quota of the project is used up.",
        "Connection to swift failed: [Errno 111] ECONNREFUSED",
        f"Backup host {host} did not answer within {seconds} s",
        "incomplete backup reset on manager restart",
    )
    return reasons[stream.cause % len(reasons)]
