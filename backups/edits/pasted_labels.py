"""What the words beside a UUID say that it is the ID of: of a backup, or of something else."""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final

# What a label says: the ID is a backup's, or it is the ID of its own object, or whose else it is,
# as in “left out: a disk's ID”.
BACKUP: Final = "a backup's ID"
OWN: Final = "its own ID"
ANOTHER: Final = "another ID"
NAME: Final = "a name"
PARENT: Final = "another backup's ID"
REQUEST: Final = "a request's ID"
PROJECT: Final = "a project's ID"
DISK: Final = "a disk's ID"
SNAPSHOT: Final = "a snapshot's ID"
SERVER: Final = "a server's ID"

_WORDS_OF: Final = {
    BACKUP: "backup backups bak bkp bkup volumebackup volumebackups sicherung sicherungen",
    DISK: "volume volumes vol vols disk disks evs blockdevice blockdevices pv pvc pvcs"
    " platte platten festplatte festplatten datenträger laufwerk laufwerke",
    SNAPSHOT: "snapshot snapshots snap snaps snapcontent snapshotcontent",
    PROJECT: "project projects tenant tenants projekt projekte mandant",
    "an image's ID": "image images glance abbild",
    SERVER: "instance instances server servers vm vms ecs machine machines instanz instanzen",
    "a job's ID": "job jobs task tasks operation operations workflow auftrag",
    REQUEST: "req request requests trace traceid correlation transaction span",
    "a user's ID": "user users owner account accounts person author benutzer",
    "a domain's ID": "domain domains",
    "a host's ID": "host hosts hypervisor hypervisors node nodes agent agents",
    "a port's ID": "port ports nic nics interface interfaces",
    "a network's ID": "network networks subnet subnets vpc vpcs router routers net fip floatingip",
    "a key's ID": "key keys cmk kms keypair secret secrets encryption credential credentials",
    "a policy's ID": "policy policies schedule schedules plan plans trigger",
    "a checkpoint's ID": "checkpoint checkpoints",
    "a vault's ID": "vault vaults",
    "a resource's ID": "resource resources provider providers",
    "a flavor's ID": "flavor flavors flavour",
    "a type's ID": "type types qos",
    "an attachment's ID": "attachment attachments attached attach",
    "a group's ID": "group groups consistencygroup cluster clusters stack stacks",
    "a share's ID": "share shares",
    "a role's ID": "role roles",
    "a token": "token tokens session sessions cookie csrftoken nonce",
    "a checksum": "md sha checksum checksums etag digest hash commit crc",
    "an event's ID": "event events alarm alarms message messages log logs lineage",
    "an endpoint's ID": "endpoint endpoints service services region catalog",
    "an object's ID": "uid uids",
    PARENT: "parent base",
    NAME: "name names description displayname container containers label title",
}
_MEANING: Final = {word: kind for kind, words in _WORDS_OF.items() for word in words.split()}
# Of words that are written as one, as `cloudbackups` and `datadisk`.
_ENDINGS: Final = {
    ending: _MEANING[ending]
    for word in ("backup", "volume", "disk", "snapshot", "server", "project", "instance")
    for ending in (word, f"{word}s")
}
_IDS_TEXT: Final = "id ids uuid uuids guid guids identifier urn handle kennung"
_IDS: Final = frozenset(_IDS_TEXT.split())
# Words between a label and its ID that change nothing.
_FILLING_TEXT: Final = (
    "s the a an is was are be has with no nr number called of value values string str text "
    "list show get detail details delete set unset export tostring tolist toset sensitive "
    "resourceid and or to new old this that these those all uuidv4 v1 v2 v3 v4 from in munch "
    "der die das den dem des ein eine einer und oder von vom mit ist sind dazu nummer"
)
_FILLING: Final = frozenset(_FILLING_TEXT.split())
# Before “backup” in a key: it is another one than the object itself.
_OTHERS_TEXT: Final = "parent base source src previous prev last first origin original"
_OTHERS: Final = frozenset(_OTHERS_TEXT.split())
_TYPE_NAMES: Final = ("type", "kind", "resource_type", "object_type", "entity", "entity_type")
_MOST_KEPT: Final = 100  # characters of a label whose meaning is kept for when it comes again
_SPACES: Final = re.compile(r"[\s-]+")
_GLUED: Final = re.compile(r"(.{2,}?)(?:uu)?ids?")
_WORD: Final = re.compile(r"[A-Z]+s?(?![a-zäöüß])|[A-ZÄÖÜ]?[a-zäöüß]+|[^\W\d_A-Za-zäöüß]+|\d+")

# What only objects of this kind have among their fields; the first kind that fits counts.
_FIELDS_OF: Final = (
    (
        BACKUP,
        "object_count|is_incremental|incremental|has_dependent_backups|fail_reason|service_metadata"
        "|chain_size_mb|data_timestamp|backup_type|tracking_state|tracked_at"
        "|checkpoint_id|replication_records",
    ),
    (
        SERVER,
        "flavor|networks|addresses|task_state|power_state|hypervisor_hostname|config_drive"
        "|accessipv4|key_name|security_groups",
    ),
    ("an image's ID", "disk_format|container_format|min_disk|min_ram|os_hash_algo"),
    (
        DISK,
        "attachments|attached_to|multiattach|volume_image_metadata|source_volid"
        "|replication_status|migration_status",
    ),
    ("a network's ID", "subnets|router_external|mtu|admin_state_up|fixed_ips|cidr"),
    ("a flavor's ID", "vcpus|ephemeral|rxtx_factor"),
)
# Of an object with a disk's ID that no field above tells apart.
_FIELDS_OF_SNAPSHOT_TEXT: Final = (
    "properties metadata group_snapshot_id consumes_quota user_id "
    "os_extended_snapshot_attributes_progress"
)
_FIELDS_OF_SNAPSHOT: Final = frozenset(_FIELDS_OF_SNAPSHOT_TEXT.split())


class Sureness(IntEnum):
    """How surely the value under a key is the ID of a backup, by what the key says."""

    NONE = 0
    BACKUP = 1  # It may be a name.
    UUID = 2
    ID = 3  # It may be the number of a row.
    BACKUP_ID = 4

    @property
    def names_backup(self) -> bool:
        return self in (Sureness.BACKUP, Sureness.BACKUP_ID)


def left_out(kind: str | None) -> str | None:
    """Returns whose ID it is; None when it may be a backup's."""
    return None if kind in (None, BACKUP, OWN) else kind


def words_of(text: str) -> Sequence[str]:
    """Returns the words of a label in lower case: `sourceVolume_id` has three."""
    return _words_of(text) if len(text) <= _MOST_KEPT else _words_of.__wrapped__(text)


@lru_cache(4_096)
def _words_of(text: str) -> Sequence[str]:
    return tuple([word.lower() for word in _WORD.findall(text)])


def meaning(words: Sequence[str], *, skipping_unknown: bool = False) -> str | None:
    """Returns what the last words before an ID say that it is, None where they do not tell.

    Words that only fill are skipped. `OWN`: they say no more than “ID”.
    """
    says_id = False
    for place in range(len(words) - 1, -1, -1):
        word = words[place]
        kind = kind_of(word)
        if kind == BACKUP and place > 0 and kind_of(words[place - 1]) == PARENT:
            return PARENT
        if kind is not None:
            # “no backup with a name or ID of …”
            return OWN if kind == NAME and says_id else kind
        if word in _IDS:
            says_id = True
        elif not _is_filling(word) and not skipping_unknown:
            return ANOTHER if says_id else None
    return OWN if says_id else None


def kind_of(word: str) -> str | None:
    """Returns whose ID this word announces, also where “id” is glued to it."""
    return _kind_of(word[-_MOST_KEPT:])


@lru_cache(4_096)
def _kind_of(word: str) -> str | None:
    kind = _MEANING.get(word)
    if kind is None and word.endswith(("id", "ids")):
        glued = _GLUED.fullmatch(word)
        kind = _MEANING.get(glued[1]) if glued else None
    if kind is None and len(word) > 6:
        kind = next((of for ending, of in _ENDINGS.items() if word.endswith(ending)), None)
    return kind


def key_meaning(key: str) -> str | None:
    """Returns what a key or the header of a column says of its value, None where it says nothing
    of an ID.
    """
    return _key_meaning(key[-_MOST_KEPT:])


@lru_cache(4_096)
def _key_meaning(key: str) -> str | None:
    words = words_of(key)
    kind = meaning(words)
    if kind == BACKUP and not _OTHERS.isdisjoint(words):
        return PARENT
    return kind


def holds_backup_id(key: str) -> Sureness:
    """Returns how surely the value under a key is the ID of a backup."""
    return _sureness(key[-_MOST_KEPT:])


@lru_cache(4_096)
def _sureness(key: str) -> Sureness:
    words = words_of(key)
    kind = key_meaning(key)
    if kind == BACKUP:
        return Sureness.BACKUP_ID if _says_id(words[-1]) else Sureness.BACKUP
    if kind == OWN and len(words) <= 2:
        return Sureness.ID if words[-1] in ("id", "ids") else Sureness.UUID
    return Sureness.NONE


def _says_id(word: str) -> bool:
    return word in _IDS or word.endswith("id")


def is_plural(words: Sequence[str]) -> bool:
    return bool(words) and words[-1].endswith("s")


def says_only(words: Sequence[str]) -> bool:
    """Are these words nothing but a label?"""
    if not 1 <= len(words) <= 5:
        return False
    is_label = False
    for word in words:
        if kind_of(word) is not None or word in _IDS:
            is_label = True
        elif not _is_filling(word):
            return False
    return is_label


def _is_filling(word: str) -> bool:
    return word in _FILLING or (word.isdigit() and len(word) <= 3)


def type_meaning(fields: Mapping[str, object]) -> str | None:
    """Returns what an object or a row is by its field `type`, where that says so; None else."""
    for key, value in fields.items():
        if _SPACES.sub("_", key.strip().lower()) not in _TYPE_NAMES or not isinstance(value, str):
            continue
        words = words_of(value)
        kind = meaning(words) if says_only(words) else None
        if kind not in (None, OWN, NAME):
            return kind
    return None


def object_kind(fields: Iterable[str]) -> str | None:
    """Returns what an object with these fields, or a table with these columns, is; None where they
    do not tell.
    """
    names = {"_".join(words_of(field)) for field in fields}
    for kind, row in _FIELDS_OF:
        if not names.isdisjoint(row.split("|")):
            return kind
    has_volume = not names.isdisjoint(["volume_id", "volume"])
    is_snapshot = not _FIELDS_OF_SNAPSHOT.isdisjoint(names) and "snapshot_id" not in names
    return SNAPSHOT if has_volume and is_snapshot else None
