"""What makes a stream's backups special: names, descriptions, oddities, and why some of them
failed.
"""

from collections.abc import Callable

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
CAUSES: tuple[Callable[[Stream, int, Facts], str], ...] = (
    lambda s, n, f: (
        "VolumeBackup.0064: CreateBackup Task-fail: fsp cinder return backup status is error."
    ),
    lambda s, n, f: (
        f"VolumeBackup.0062: snapshot {uuid_from(f'snapshot {f.id}')} of disk {f.volume_id} is in "
        "status error."
    ),
    lambda s, n, f: "VolumeBackup.0081: the backup capacity quota of the project is used up.",
    lambda s, n, f: "Connection to swift failed: [Errno 111] ECONNREFUSED",
    lambda s, n, f: (
        f"Backup host 192.0.2.{20 + s.dice(n, 'host') % 9} did not answer within "
        f"{600 + s.dice(n, 't') % 60} s"
    ),
    lambda s, n, f: "incomplete backup reset on manager restart",
)


def _hand(stream: Stream, n: int, facts: Facts) -> None:
    facts.name = f"{stream.volume.name}-before-release-{n % 90}"
    facts.description, facts.full, facts.inc = "before release, asked for by the team", True, 0


def _csbs(stream: Stream, n: int, facts: Facts) -> None:
    facts.name = f"manualbk_{10000 + stream.dice(n, 'name') % 90000}"
    facts.description = ""
    facts.metadata = {"ST": 1, "VMID": uuid_from(f"vm {stream.volume.volume_id}")}


def _disk_copy(stream: Stream, n: int, facts: Facts) -> None:
    facts.name, facts.description, facts.full, facts.inc = (
        f"copy-of-{stream.volume.name}",
        "replica",
        True,
        0,
    )
    facts.metadata = {"ST": 4}


def _vm_copy(stream: Stream, n: int, facts: Facts) -> None:
    _disk_copy(stream, n, facts)
    facts.metadata = {"ST": 5, "VMID": uuid_from(f"vm {stream.volume.volume_id}")}


def _reasoned(stream: Stream, n: int, facts: Facts) -> None:
    if facts.phase is AVAILABLE and n % 3 == 0:
        facts.fail_reason = "Invalid InitiatorConnector protocol specified DSWARE"


def _first_inc(stream: Stream, n: int, facts: Facts) -> None:
    facts.inc = 1  # the request was incremental, the first result is full all the same (§3.1)


def _odd_names(stream: Stream, n: int, facts: Facts) -> None:
    facts.name = ODD_NAMES[n % len(ODD_NAMES)]


def _plain(stream: Stream, n: int, facts: Facts) -> None:
    facts.name, facts.wrapped, facts.description = (
        f"{stream.volume.name}-script",
        False,
        PLAIN_TEXTS[n % len(PLAIN_TEXTS)],
    )


def _bare(stream: Stream, n: int, facts: Facts) -> None:
    nothing = (
        "name",
        "description",
        "object_count",
        "availability_zone",
        "has_dependent_backups",
        "snapshot_id",
    )
    more = (
        "is_incremental",
        "container",
        "fail_reason",
        "updated_at",
        "data_timestamp",
        "service_metadata",
    )
    facts.keys = dict.fromkeys((*nothing, *more))


def _script(stream: Stream, n: int, facts: Facts) -> None:
    facts.name = f"{stream.volume.name}-{facts.id[:4]}"
    facts.description = "by script"


LOOKS: dict[str, Callable[[Stream, int, Facts], None]] = {
    "hand": _hand,
    "csbs": _csbs,
    "disk_copy": _disk_copy,
    "vm_copy": _vm_copy,
    "reasoned": _reasoned,
    "first_inc": _first_inc,
    "odd_names": _odd_names,
    "plain": _plain,
    "bare": _bare,
    "script": _script,
}


def dress(stream: Stream, n: int, facts: Facts) -> None:
    """Finish the facts of occurrence `n`: name as a policy gives it, encryption, then the stream's
    own look.
    """
    facts.name = f"autobk_{stream.dice(n, 'name') & 0xFFFF:04x}"
    if stream.volume.encrypted:
        facts.encryption_key_id = uuid_from(f"key {stream.volume.volume_id}")
        facts.metadata = {
            "VK": (uuid_from(f"vk {facts.id}") * 2).replace("-", ""),
            "CMKID": facts.encryption_key_id,
        }
    if stream.look in LOOKS:
        LOOKS[stream.look](stream, n, facts)
    if facts.phase.status in ("error", "error_deleting"):
        facts.fail_reason = CAUSES[stream.cause % len(CAUSES)](stream, n, facts)
