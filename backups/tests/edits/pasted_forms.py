"""Texts as people paste them, with invented IDs: what of each is tracked, left out and refused."""

from dataclasses import dataclass, field

A = "0d6f4b1e-93c7-4e25-8a41-5be07c92f318"
B = "b84e2a07-16fd-4c9b-9d30-e7f1a5820c64"
C = "47c9d3f5-e08a-4716-b2cd-90a3f61e7d2b"
VOLUME = "f1a27c60-5d48-4b93-a6e1-28c0d97b4e35"
VOLUME_2 = "6e90b4d8-2f17-4a5c-8c73-b1d5e04f9a26"
SNAPSHOT = "9b35e871-c4a6-4d02-bf18-07d6e2c94a5f"
SERVER = "3c7d18f2-a90b-45e6-9f24-6d81c0b5e7a3"
JOB = "d20e5a94-7b6c-4f81-a3d9-c58f1e60b742"
KEY = "5f8b0c3d-e194-4a27-8d6b-a2c7f9e01d54"
USER = "a64c9e12-08d7-4b3f-b5a0-d3e8f71c2690"
PROJECT = "8c1f0e5d7a3b49628d90e4f6b2c7a513"
REQUEST = "e7b39d40-5c1a-4826-9ef5-0a8d4c72b1f6"

DISK = "a disk's ID"
OF_SNAPSHOT = "a snapshot's ID"
OF_SERVER = "a server's ID"
OF_PROJECT = "a project's ID"
OF_JOB = "a job's ID"
OF_REQUEST = "a request's ID"
OF_USER = "a user's ID"
OF_KEY = "a key's ID"
OTHER = "another resource's ID"


@dataclass(frozen=True)
class Form:
    """`left_out`: of each ID, whose it is; `refused`: what is a mistake."""

    name: str
    text: str
    tracked: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


CINDER_SHOW = f"""
+-----------------------+--------------------------------------+
| Property              | Value                                |
+-----------------------+--------------------------------------+
| availability_zone     | nova                                 |
| container             | volumebackups                        |
| fail_reason           | None                                 |
| has_dependent_backups | False                                |
| id                    | {A} |
| is_incremental        | False                                |
| name                  | before upgrade                       |
| object_count          | 21                                   |
| snapshot_id           | {SNAPSHOT} |
| status                | available                            |
| volume_id             | {VOLUME} |
+-----------------------+--------------------------------------+
"""
CINDER_LIST = f"""
+--------------------------------------+--------------------------------------+-----------+------+
| ID                                   | Volume ID                            | Status    | Name |
+--------------------------------------+--------------------------------------+-----------+------+
| {A} | {VOLUME} | available | a    |
| {B} | {VOLUME_2} | error     | b    |
+--------------------------------------+--------------------------------------+-----------+------+
"""
VOLUME_LIST = f"""
+--------------------------------------+------+--------+------+-------------------------------+
| ID                                   | Name | Status | Size | Attached to                   |
+--------------------------------------+------+--------+------+-------------------------------+
| {VOLUME} | db   | in-use |   20 | Attached to {SERVER} on /dev/vdb |
+--------------------------------------+------+--------+------+-------------------------------+
"""

TABLES = [
    Form("cinder backup-show", CINDER_SHOW, [A], {SNAPSHOT: OF_SNAPSHOT, VOLUME: DISK}),
    Form("cinder backup-list", CINDER_LIST, [A, B], {VOLUME: DISK, VOLUME_2: DISK}),
    Form("volume list", VOLUME_LIST, [], {VOLUME: DISK}),
    Form(
        "a list and at once a backup",
        CINDER_LIST.rstrip("\n") + CINDER_SHOW.replace(A, C),
        [A, B, C],
        {SNAPSHOT: OF_SNAPSHOT, VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form(
        "a backup and at once a list of disks",
        CINDER_SHOW.rstrip("\n") + VOLUME_LIST.replace(VOLUME, VOLUME_2),
        [A],
        {SNAPSHOT: OF_SNAPSHOT, VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form(
        "two tables of Markdown",
        f"| ID |\n|---|\n| {A} |\n| volume_id | id |\n|---|---|\n| {VOLUME} | {B} |\n",
        [A, B],
        {VOLUME: DISK},
    ),
    Form(
        "a Unicode box",
        f"┌────┬────┐\n│ ID │ Volume │\n├────┼────┤\n│ {A} │ {VOLUME} │\n└────┴────┘",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a double Unicode box of one backup",
        f"╔════╦════╗\n║ Field ║ Value ║\n╠════╬════╣\n║ id ║ {A} ║\n"
        f"║ volume_id ║ {VOLUME} ║\n╚════╩════╝",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "Markdown",
        f"| Backup ID | Disk |\n|:---|---:|\n| `{A}` | `{VOLUME}` |\n| **{B}** | {VOLUME} |",
        [A, B],
        {VOLUME: DISK},
    ),
    Form(
        "Markdown without outer bars",
        f"UUID | Server\n--- | ---\n{A} | {SERVER}\n",
        [A],
        {SERVER: OF_SERVER},
    ),
    Form(
        "a table that is wrapped in narrow columns",
        f"+------------+------+\n| ID         | Name |\n+------------+------+\n"
        f"| {A[:9]} | a db |\n| {A[9:19]} | that |\n| {A[19:29]} | is   |\n| {A[29:]}    | long |\n"
        f"| {B[:9]} | b    |\n| {B[9:19]} |      |\n| {B[19:29]} |      |\n| {B[29:]}    |      |\n"
        "+------------+------+",
        [A, B],
    ),
    Form(
        "one backup, wrapped",
        f"| Field | Value |\n|---|---|\n| id | {A[:19]} |\n|    | {A[19:]} |\n"
        f"| volume_id | {VOLUME[:19]} |\n|   | {VOLUME[19:]} |",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "rows of one backup without the header",
        f"| id | {A} |\n| volume_id | {VOLUME} |\n| project_id | {PROJECT} |",
        [A],
        {VOLUME: DISK, PROJECT: OF_PROJECT},
    ),
    Form(
        "two backups one below the other",
        CINDER_SHOW + CINDER_SHOW.replace(A, B),
        [A, B],
        {SNAPSHOT: OF_SNAPSHOT, VOLUME: DISK},
    ),
    Form("psql", f" id | volume\n----+----\n {A} | {VOLUME}\n(1 row)\n", [A], {VOLUME: DISK}),
    Form(
        "columns between blanks",
        f"VOLUME ID                              BACKUP ID                              STATE\n"
        f"{VOLUME}   {A}   available\n{VOLUME_2}   {B}   error\n",
        [A, B],
        {VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form("a column that is another's", f"| Volume ID |\n|---|\n| {VOLUME} |", [], {VOLUME: DISK}),
    Form(
        "a table in a mail",
        f"> Hi,\n> | ID | Name |\n> |----|------|\n> | {A} | x |\n",
        [A],
    ),
    Form(
        "a cell with a mistake",
        f"| ID | Name |\n|----|------|\n| {A} | x |\n| {B[:-1]} | y |\n",
        [A],
        {},
        [B[:-1]],
    ),
]
DELIMITED = [
    Form("CSV", f"ID,Name,Volume ID\n{A},x,{VOLUME}\n", [A], {VOLUME: DISK}),
    Form("CSV of Excel", f"\ufeffsep=;\nName;UUID;Volume\nx;{A};{VOLUME}\n", [A], {VOLUME: DISK}),
    Form("quoted CSV", f'"Name","backup id"\r\n"a, b","{A}"\r\n"c\nd"," {B} "\r\n', [A, B]),
    Form(
        "a spreadsheet with numbered rows",
        f"id\tBackup ID\tVolume ID\n1\t{A}\t{VOLUME}\n2\t{B}\t\n",
        [A, B],
        {VOLUME: DISK},
    ),
    Form("cells of a browser", f"Name\tID\tProject\nx\t{A}\t{PROJECT}", [A], {PROJECT: OF_PROJECT}),
    Form(
        "fields and values in a spreadsheet",
        f"Field\tValue\nid\t{A}\nvolume_id\t{VOLUME}\nencryption_key_id\t{KEY}",
        [A],
        {VOLUME: DISK, KEY: OF_KEY},
    ),
    Form("a table of servers", f"instance_id,state\n{SERVER},on", [], {SERVER: OF_SERVER}),
    Form("a short ID in CSV", f"id,name\n{A},x\n{B[:-2]},y", [A], {}, [B[:-2]]),
    Form("keys and values in two columns", f"backup,{A}\nvolume,{VOLUME}", [A], {VOLUME: DISK}),
]
JSON_FORMS = [
    Form("a key that is null", f'{{"id": "{A}", "backup_id": null, "snapshot_id": null}}', [A]),
    Form(
        "one backup",
        f'{{"backup": {{"id": "{A}", "volume_id": "{VOLUME}", "snapshot_id": "{SNAPSHOT}", '
        f'"links": [{{"href": "https://vbs.example/v2/{PROJECT}/backups/{B}"}}]}}}}',
        [A],
        {VOLUME: DISK, SNAPSHOT: OF_SNAPSHOT},
    ),
    Form("a disk", f'{{"volume": {{"id": "{VOLUME}", "name": "x"}}}}', [], {VOLUME: DISK}),
    Form(
        "a disk without a wrapper",
        f'{{"id": "{VOLUME}", "attachments": [], "bootable": "true"}}',
        [],
        {VOLUME: DISK},
    ),
    Form(
        "disks and backups",
        f'{{"volumes": [{{"id": "{VOLUME}"}}], "backups": [{{"id": "{A}"}}, {{"id": "{B}"}}]}}',
        [A, B],
        {VOLUME: DISK},
    ),
    Form(
        "JSON lines",
        f'{{"ID": "{A}", "Volume": "{VOLUME}"}}\n{{"ID": "{B}", "Volume": "{VOLUME}"}}\n',
        [A, B],
        {VOLUME: DISK},
    ),
    Form("texts of jq", f'"{A}"\n"{B}"\n', [A, B]),
    Form("objects of jq", f'{{\n  "backupId": "{A}"\n}}\n{{\n  "backupId": "{B}"\n}}', [A, B]),
    Form(
        "a restore",
        f'{{"restore": {{"backup_id": "{A}", "volume_id": "{VOLUME}"}}}}',
        [A],
        {VOLUME: DISK},
    ),
    Form("a job", f'{{"job_id": "{JOB}", "entities": {{"backup_id": "{A}"}}}}', [A], {JOB: OF_JOB}),
    Form(
        "lists by key",
        f'{{"backup_ids": ["{A}"], "volume_ids": ["{VOLUME}"]}}',
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a numbered answer",
        f'{{"jsonrpc": "2.0", "id": 7, "result": {{"backups": [{{"id": "{A}"}}]}}}}',
        [A],
    ),
    Form(
        "a parent",
        f'{{"id": "{A}", "parent_id": "{B}", "incremental": true}}',
        [A],
        {B: "another backup's ID"},
    ),
    Form(
        "JSON in a log",
        f'RESP BODY: {{"backups": [{{"id": "{A}", "volume_id": "{VOLUME}"}}]}}\n'
        f"GET call used request id req-{REQUEST}\n",
        [A],
        {VOLUME: DISK, REQUEST: OF_REQUEST},
    ),
    Form(
        "JSON with a trailing comma",
        f'{{\n  "id": "{A}",\n  "volume_id": "{VOLUME}",\n}}',
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "JSON that is cut off",
        f'{{"backups": [\n {{"id": "{A}", "name": "x"}},\n {{"id": "{B}", "na',
        [A, B],
    ),
    Form("an ID that is too long", f'{{"id": "{A}f"}}', [], {}, [f"{A}f"]),
    Form("a wrong kind of ID", '{"id": "nightly"}', [], {}, ["nightly"]),
]
TERRAFORM = [
    Form(
        "terraform state show",
        f'# opentelekomcloud_vbs_backup_v2.db:\nresource "opentelekomcloud_vbs_backup_v2" "db" {{\n'
        f'    container = null\n    id        = "{A}"\n    volume_id = "{VOLUME}"\n}}\n',
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "terraform state show of a disk",
        "# openstack_blockstorage_volume_v3.backup_target:\n"
        'resource "openstack_blockstorage_volume_v3" '
        f'"backup_target" {{\n    id   = "{VOLUME}"\n    size = 20\n}}\n',
        [],
        {VOLUME: DISK},
    ),
    Form(
        "import blocks",
        f'import {{\n  to = opentelekomcloud_vbs_backup_v2.db\n  id = "{A}"\n}}\n\n'
        f'import {{\n  id = "{VOLUME}"\n  to = openstack_blockstorage_volume_v3.db\n}}\n',
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "terraform plan",
        f"openstack_blockstorage_volume_v3.db: Refreshing state... [id={VOLUME}]\n"
        f"opentelekomcloud_vbs_backup_v2.db: Refreshing state... [id={A}]\n",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "terraform output",
        f'backup_id = "{A}"\nbackup_ids = [\n  "{A}",\n  "{B}",\n]\n'
        f'volume_ids = tolist([\n  "{VOLUME}",\n'
        f'  "{VOLUME_2}",\n])\nregion = "eu-de"\n',
        [A, A, B],
        {VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form(
        "terraform output -json",
        f'{{"backup_id": {{"sensitive": false, "type": "string", "value": "{A}"}},\n'
        f'"volume_ids": {{"sensitive": false, "type": ["list", "string"], "value": '
        f'["{VOLUME}"]}}}}',
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a state file",
        f'{{"version": 4, "lineage": "{JOB}", "resources": ['
        f'{{"mode": "managed", "type": "openstack_blockstorage_volume_v3", "name": "v", '
        '"instances": '
        f'[{{"attributes": {{"id": "{VOLUME}"}}}}]}},'
        f'{{"mode": "managed", "type": "opentelekomcloud_vbs_backup_v2", "name": "b", "instances": '
        f'[{{"attributes": {{"id": "{A}", "volume_id": "{VOLUME}"}}}}]}},'
        f'{{"mode": "managed", "type": "random_uuid", "name": "r", "instances": '
        f'[{{"attributes": {{"id": "{C}"}}}}]}}]}}',
        [A],
        {JOB: "an event's ID", VOLUME: DISK, C: OTHER},
    ),
    Form(
        "terraform import",
        f"$ terraform import openstack_blockstorage_volume_v3.db {VOLUME}\n",
        [],
        {VOLUME: DISK},
    ),
    Form(
        "variables",
        f'variable "x" {{\n  default = {{\n    backup_id = "{A}"\n    vm_id = "{SERVER}"\n  }}\n}}',
        [A],
        {SERVER: OF_SERVER},
    ),
]
KEYS_AND_VALUES = [
    Form(
        "YAML of one backup",
        f"id: {A}\nname: x\nsnapshot_id: null\nvolume_id: {VOLUME}\n",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "YAML of a list",
        f"- ID: {A}\n  Name: x\n  Volume: {VOLUME}\n- ID: {B}\n  Name: y\n  Volume: {VOLUME}\n",
        [A, B],
        {VOLUME: DISK},
    ),
    Form(
        "YAML with parents", f"volume:\n  id: {VOLUME}\nbackup:\n  id: {A}\n", [A], {VOLUME: DISK}
    ),
    Form(
        "YAML lists",
        f"volumes:\n- id: {VOLUME}\n  size: 1\n- id: {VOLUME_2}\nbackups:\n- id: {A}\n",
        [A],
        {VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form(
        "YAML of a disk",
        f"attachments: []\navailability_zone: nova\nid: {VOLUME}\nname: x\n",
        [],
        {VOLUME: DISK},
    ),
    Form(
        "shell",
        f'id="{A}"\nname="x"\nproject_id="{PROJECT}"\nvolume_id="{VOLUME}"\n',
        [A],
        {PROJECT: OF_PROJECT, VOLUME: DISK},
    ),
    Form(
        "shell with a prefix",
        f'old_id="{A}"\nold_name="x"\nold_size="1"\nold_volume_id="{VOLUME}"\n',
        [A],
        {VOLUME: DISK},
    ),
    Form("an export", f"export BACKUP_ID={A}\nexport VOLUME_ID={VOLUME}\n", [A], {VOLUME: DISK}),
    Form(
        "a page of a dashboard",
        f"Name\nbefore upgrade\nID\n{A}\nVolume ID\n{VOLUME}\nStatus\nAvailable\n",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "labels",
        f"Backup: {A}\nDisk: {VOLUME}\nSnapshot: {SNAPSHOT}\nTenant: {PROJECT}\n",
        [A],
        {VOLUME: DISK, SNAPSHOT: OF_SNAPSHOT, PROJECT: OF_PROJECT},
    ),
    Form(
        "headings",
        f"Backups:\n{A}\n{B}\n\nVolumes:\n{VOLUME}\n{VOLUME_2}\n",
        [A, B],
        {VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form(
        "headings over bullets",
        f"Disks\n- {VOLUME}\n- {VOLUME_2}\n\nBackups\n- {A}\n",
        [A],
        {VOLUME: DISK, VOLUME_2: DISK},
    ),
]
PYTHON = [
    Form(
        "a dictionary",
        f"{{'id': '{A}', 'volume_id': '{VOLUME}', 'snapshot_id': None}}",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a dictionary in another order",
        f"{{'volume_id': '{VOLUME}', 'name': None, 'id': '{A}'}}",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "nested",
        f"{{'backup': {{'id': '{A}', 'volume': {{'id': '{VOLUME}'}}}}}}",
        [A],
        {VOLUME: DISK},
    ),
    Form("objects", f"[<VolumeBackup: {A}>, <Volume: {VOLUME}>]", [A], {VOLUME: DISK}),
    Form(
        "the SDK's objects",
        f"openstack.block_storage.v3.volume.Volume(attachments=[], id={VOLUME}, name=x)\n"
        f"openstack.block_storage.v3.backup.Backup(container=c, id={A}, volume_id={VOLUME})",
        [A],
        {VOLUME: DISK},
    ),
    Form("UUIDs", f"[UUID('{A}'), UUID('{B}')]", [A, B]),
]
LINKS = [
    Form(
        "a self-link",
        f"https://vbs.eu-de.example/v2/{PROJECT}/backups/{A}",
        [A],
        {PROJECT: OF_PROJECT},
    ),
    Form(
        "a link without a version",
        f"http://192.0.2.7:8776/{PROJECT}/backups/{A}?x=1",
        [A],
        {PROJECT: OF_PROJECT},
    ),
    Form(
        "a link of a disk",
        f"https://evs.example/v3/{PROJECT}/volumes/{VOLUME}",
        [],
        {PROJECT: OF_PROJECT, VOLUME: DISK},
    ),
    Form(
        "a console",
        f"https://console.example/vbs/#/backup?region=x&volumeId={VOLUME}&backupId={A}",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "Horizon",
        f"https://horizon.example/project/backups/{A}/detail\n"
        f"https://horizon.example/project/volumes/{VOLUME}/",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "Markdown links",
        f"- [nightly](https://x.example/backups/{A}/)\n"
        f"- [disk](https://x.example/volumes/otc/{VOLUME}/)",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a chat link",
        f"<https://x.example/backups/{A}|the backup> of <https://x.example/volumes/{VOLUME}|it>",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a path",
        f"/v3/{PROJECT}/backups/{A}\n/v3/{PROJECT}/snapshots/{SNAPSHOT}",
        [A],
        {PROJECT: OF_PROJECT, SNAPSHOT: OF_SNAPSHOT},
    ),
    Form(
        "names in a store",
        f"volume-{VOLUME}.backup.{A}\nvolume_{VOLUME}/20261101/az_nova_backup_{B}",
        [A, B],
        {VOLUME: DISK},
    ),
    Form(
        "a vault",
        f"https://cbr.example/v3/{PROJECT}/vaults/{C}",
        [],
        {PROJECT: OF_PROJECT, C: "a vault's ID"},
    ),
    Form(
        "a link that names none",
        "https://vbs.example/v2/p/backups/detail",
        [],
        {},
        ["https://vbs.example/v2/p/backups/detail"],
    ),
]
SESSIONS = [
    Form("a command", f"$ openstack volume backup show {A} -c id\n", [A]),
    Form(
        "a command that makes a backup",
        f"$ openstack volume backup create --name x {VOLUME}\n+---+---+\n"
        f"| Field | Value |\n+---+---+\n| id | {A} |\n| name | x |\n+---+---+\n",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a restore",
        f"user@host:~$ cinder backup-restore --volume-id {VOLUME} {A}\n",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a list of disks",
        f"PS C:\\> openstack volume list -f value -c ID\n{VOLUME}\n{VOLUME_2}\n"
        f"PS C:\\> openstack volume backup list -f value -c ID\n{A}\nPS C:\\>",
        [A],
        {VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form(
        "colours",
        "\x1b[32muser@host\x1b[0m:\x1b[34m~\x1b[0m$ openstack volume backup list -f "
        f"value -c ID -c Name\n\x1b[1m{A}\x1b[0m nightly\n{B} weekly\n",
        [A, B],
    ),
    Form(
        "a prompt of root",
        "[root@ctl ~(admin)]# cinder snapshot-list\n| ID | Name |\n|--|--|\n"
        f"| {SNAPSHOT} | x |\n[root@ctl ~(admin)]# cinder backup-list\n| ID | Name |\n"
        f"|--|--|\n| {A} | x |\n",
        [A],
        {SNAPSHOT: OF_SNAPSHOT},
    ),
    Form(
        "values of a list",
        f"{A} nightly None available 20 False 2026-11-01T02:00:00.000000 nova {VOLUME} c\n"
        f"{B} x None error 20 False 2026-11-01T02:00:00.000000 nova {VOLUME} None\n",
        [A, B],
        {VOLUME: "an ID of another column"},
    ),
    Form(
        "values of one backup",
        f"nova\nc\n2026-11-01\nNone\nNone\nFalse\n{A}\nTrue\nx\n22\n20\nNone\n"
        f"available\nNone\n{VOLUME}\n",
        [A],
        {VOLUME: "an ID of another column"},
    ),
    Form(
        "curl -v",
        f"> GET /v2/{PROJECT}/backups/{A} HTTP/1.1\n> Host: vbs.example\n"
        f"> X-Auth-Token: {KEY}\n< HTTP/1.1 200 OK\n"
        f"< X-Openstack-Request-Id: req-{REQUEST}\n<\n"
        f'{{"backup": {{"id": "{A}", "volume_id": "{VOLUME}"}}}}',
        [A, A],
        {PROJECT: OF_PROJECT, KEY: "a token", REQUEST: OF_REQUEST, VOLUME: DISK},
    ),
    Form(
        "a log of Cinder",
        f"2026-11-01 02:00:01.123 7 INFO cinder.backup.manager [None req-{REQUEST} "
        f"{PROJECT} {USER} - - -] Create backup started, backup: {A} volume: {VOLUME}.\n",
        [A],
        {REQUEST: OF_REQUEST, PROJECT: OF_REQUEST, USER: OF_REQUEST, VOLUME: DISK},
    ),
    Form(
        "a log of Nova",
        f"2026-11-01 02:00:01 ERROR nova.compute [instance: {SERVER}] attach of volume "
        f"{VOLUME} failed\n",
        [],
        {SERVER: OF_SERVER, VOLUME: DISK},
    ),
    Form(
        "an event",
        f"job {JOB} finished: backup={A}, snapshot={SNAPSHOT}, vm={SERVER}",
        [A],
        {JOB: OF_JOB, SNAPSHOT: OF_SNAPSHOT, SERVER: OF_SERVER},
    ),
]
PROSE = [
    Form(
        "a mail",
        f"Hi all,\n\nplease track these backups for me:\n\n  1. {A}\n  2) {B}\n\nThanks\nBob\n",
        [A, B],
    ),
    Form("a quoted mail", f"> > {A}\n> {B}\n", [A, B]),
    Form("a fence", f'```json\n["{A}"]\n```\n```\n{B}\n```', [A, B]),
    Form(
        "a sentence",
        f"The backup {A} of disk {VOLUME} failed (request {REQUEST}).",
        [A],
        {VOLUME: DISK, REQUEST: OF_REQUEST},
    ),
    Form("words behind", f"{A} is the backup, {VOLUME} is the volume", [A], {VOLUME: DISK}),
    Form("brackets behind", f"{A} (backup)\n{VOLUME} (disk)", [A], {VOLUME: DISK}),
    Form("bullets", f"• {A}\n– {B}\n* {C}", [A, B, C]),
    Form("check boxes", f"- [ ] {A}\n- [x] {B}", [A, B]),
    Form(
        "a label for several",
        f"volumes: {VOLUME}, {VOLUME_2} and backups: {A}, {B}",
        [A, B],
        {VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form("an ID over two lines", f"{A[:24]}\n{A[24:]}", [A]),
    Form("other languages", f"バックアップ{A}を追加。備份：{B}", [A, B]),
    Form("comments", f"# to be tracked\n{A}  # nightly\n{B} // weekly", [A, B]),
]
BARE = [
    Form("separators", f"{A},{B};{C}", [A, B, C]),
    Form("upper case", A.upper(), [A]),
    Form("no hyphens", A.replace("-", ""), [A]),
    Form("urn and braces", f"urn:uuid:{A}\n{{{B}}}", [A, B]),
    Form("no blank between", f"{A}\u200b{B}", [A, B]),
    Form("typographic quotes", f"“{A}”, «{B}», ‘{C}’", [A, B, C]),
    Form(
        "invisible characters",
        f"\ufeff{A[:9]}\u200b{A[9:]}\u2060\n\u202a{B}\u202c\n\U000e0041{C}",
        [A, B, C],
    ),
    Form("odd spaces", f"\u00a0{A}\u2009{B}\u3000{C}", [A, B, C]),
    Form("dashes", A.replace("-", "–") + " " + B.replace("-", "\u2011"), [A, B]),
    Form("full width", "".join(chr(ord(c) + 0xFEE0) for c in A), [A]),
    Form("a Cyrillic letter", f"{A}\n{B.replace('a', 'а', 1)}", [A], {}, [B.replace("a", "а", 1)]),
    Form("a digit too few", f"{A[:-1]}\n{B}", [B], {}, [A[:-1]]),
    Form("a digit too many", f"{A}0", [], {}, [f"{A}0"]),
    Form("a control character", f"{A[:4]}\x00{A[5:]}", [], {}, [f"{A[:4]}\ufffd{A[5:]}"]),
    Form("a word", f"{A} tuesday", [A], {}, ["tuesday"]),
    Form("a word in a line of its own", f"{A}\ntuesday\n{B}", [A, B], {}, ["tuesday"]),
    Form("some words", f"{A}\nnot an id", [A], {}, ["not", "an", "id"]),
    Form("nothing", "", [], {}, [""]),
    Form(
        "zeros",
        "00000000-0000-0000-0000-000000000000",
        [],
        {},
        ["00000000-0000-0000-0000-000000000000"],
    ),
    Form("a checksum", f"md5: {PROJECT}\n{A}", [A], {PROJECT: "a checksum"}),
]
OTHERS = [
    Form(
        "rows between bars",
        f"{A}|x|{VOLUME}|available\n{B}|y|{VOLUME}|error",
        [A, B],
        {VOLUME: "an ID of another column"},
    ),
    Form(
        "an HTML table",
        f"<table><tr><th>ID</th><th>Volume</th></tr><tr><td>{A}</td><td>{VOLUME}</td></tr></table>",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "an HTML table of one backup",
        f"<tr><td>id</td><td>{A}</td></tr><tr><td>volume_id</td><td>{VOLUME}</td></tr>",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "XML",
        f'<backup id="{A}" volume_id="{VOLUME}"/>\n<backup><id>{B}</id></backup>',
        [A, B],
        {VOLUME: DISK},
    ),
    Form("escaped", f"&quot;{A}&quot;\n%7B{B}%7D\nhttps%3A%2F%2Fx%2Fbackups%2F{C}", [A, B, C]),
    Form("formulas of Excel", f'ID;Name\n="{A}";x', [A]),
    Form(
        "a table with types",
        f"| id | type |\n|--|--|\n| {VOLUME} | volume |\n| {A} | backup |",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "JSON with types",
        f'[{{"type":"volume","id":"{VOLUME}"}},{{"type":"backup","id":"{A}"}}]',
        [A],
        {VOLUME: DISK},
    ),
    Form("words behind a comma", f"{VOLUME},volume\n{A},backup", [A], {VOLUME: DISK}),
    Form("IDs as keys", f'{{"{A}": "available", "{B}": "error"}}', [A, B]),
    Form("blanks in the place of hyphens", A.replace("-", " "), [A]),
    Form("Jira", f"|| ID || Volume ||\n| {A} | {VOLUME} |", [A], {VOLUME: DISK}),
    Form("names before IDs", f"db-01 {A}\ndb-02 {B}", [A, B]),
    Form(
        "a loop of a shell", f"for b in {A} {B}; do openstack volume backup delete $b; done", [A, B]
    ),
    Form(
        "lists of a shell",
        f'BACKUPS="{A} {B}"\nVOLUMES="{VOLUME} {VOLUME_2}"',
        [A, B],
        {VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form("a message of the client", f"No volumebackup with a name or ID of '{A}' exists.", [A]),
    Form("an ID that is cut off", f"{A}\n{B[:20]}…", [A], {}, [f"{B[:20]}…"]),
    Form("a link with a mistake", f"https://x.example/backups/{A}0", [], {}, [f"{A}0"]),
    Form(
        "a name in Ceph",
        f"volumes/volume-{VOLUME}@backup.{A}.snap.1699999999.12",
        [A],
        {VOLUME: DISK},
    ),
    Form("a signature", f"{A}\n\n-- \nBob", [A]),
]
LABELS = [
    *(
        "volume",
        "Volume:",
        "VOLUME_ID=",
        "volume-id:",
        "volumeId:",
        "the volume's ID is",
        "disk",
        "vol:",
    ),
    *(
        "--volume",
        "(volume)",
        "[volume]",
        "**Volume ID:**",
        "`volume_id`:",
        "volume_id:\n ",
        "| volume |",
    ),
    *(
        "iqn.2010-10.org.openstack:volume-",
        "rbd:volumes/volume-",
        "datadisk",
        "vol\xadume:",
        "ｖｏｌｕｍｅ：",
    ),
]
BEHIND = [
    Form(
        f"behind {label!a}",
        f"{label}{'' if label.endswith('-') else ' '}{VOLUME}",
        [],
        {VOLUME: DISK},
    )
    for label in LABELS
]
BEFORE = [
    Form(f"before {label}", f"{VOLUME} {label}", [], {VOLUME: DISK})
    for label in (
        "(volume)",
        "[disk]",
        "is the volume",
        "= volume",
        "# disk",
        "<- the disk",
        "volume",
    )
]
WORDS_OF_PEOPLE = [
    Form(
        "a German sentence",
        f"Die Sicherung {A} der Platte {VOLUME} ist fehlgeschlagen. Projekt: {PROJECT}",
        [A],
        {VOLUME: DISK, PROJECT: OF_PROJECT},
    ),
    Form(
        "German columns",
        f"Sicherung\tDatenträger\n{A}\t{VOLUME}\n",
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a short mail, quoted",
        f"> Hi,\n> please check\n> {A}\n> and\n> {B}\n>\n> Thanks\n",
        [A, B],
    ),
    Form("a hyphen where a line broke", f"Backup {A[:21]}-\n{A[21:]} failed", [A]),
    Form(
        "rows of tabs without a header",
        f"{A}\t{VOLUME}\tavailable\n{B}\t{VOLUME_2}\terror\n",
        [A, B],
        {VOLUME: "an ID of another column", VOLUME_2: "an ID of another column"},
    ),
    Form(
        "an object of the SDK with its place",
        f"Backup(id={A}, volume_id={VOLUME}, location=Munch({{'cloud': 'otc', 'project': "
        f"Munch({{'id': '{PROJECT}', 'name': 'eu-de'}})}}))",
        [A],
        {VOLUME: DISK, PROJECT: OF_PROJECT},
    ),
    Form(
        "a volume of Kubernetes",
        f"metadata:\n  name: pvc-{SERVER}\n  uid: {USER}\nspec:\n  csi:\n"
        f"    volumeHandle: {VOLUME}\nstatus:\n  snapshotHandle: {SNAPSHOT}\n",
        [],
        {SERVER: DISK, USER: "an object's ID", VOLUME: DISK, SNAPSHOT: OF_SNAPSHOT},
    ),
    Form(
        "a table of a console whose cells hold two lines",
        "Name/ID\tStatus\tDisk\tSize (GB)\tOperation\n"
        f"nightly\n{A}\tAvailable\tdb-01\n{VOLUME}\t40\tRestore\nDelete\n"
        f"weekly\n{B}\tError\tdb-02\n{VOLUME_2}\t40\tRestore\nDelete\n",
        [A, B],
        {VOLUME: DISK, VOLUME_2: DISK},
    ),
    Form(
        "a sentence in JSON",
        f'{{"changed": false, "msg": "Backup {A} of volume {VOLUME} is there"}}',
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a link in JSON",
        f'{{"rel": "self", "href": "https://x/v2/{PROJECT}/backups/{A}"}}',
        [A],
        {PROJECT: OF_PROJECT},
    ),
    Form(
        "names before IDs in brackets",
        f"The job for disk db-01 ({VOLUME}) has failed.\nBackup: {A}\nProject: eu-de ({PROJECT})",
        [A],
        {VOLUME: DISK, PROJECT: OF_PROJECT},
    ),
    Form("a backup of something", f"{A} is the backup of {VOLUME}", [A], {VOLUME: DISK}),
    Form(
        "a parent in words",
        f"Parent backup: {B}\nBackup: {A}",
        [A],
        {B: "another backup's ID"},
    ),
    Form(
        "sections of TOML",
        f'[backup]\nid = "{A}"\n[volume]\nid = "{VOLUME}"\n',
        [A],
        {VOLUME: DISK},
    ),
    Form("a wiki", f"h2. Backups\n{{code}}\n{A}\n{{code}}\n* {{{{{B}}}}} failed\n", [A, B]),
    Form(
        "a command with a flag before the disk",
        f"openstack volume backup create --name x --incremental {VOLUME}",
        [],
        {VOLUME: DISK},
    ),
    Form(
        "links in a row of HTML",
        f'<tr><td><a href="/project/backups/{A}/">x</a></td>'
        f'<td><a href="/project/volumes/{VOLUME}/">db</a></td></tr>',
        [A],
        {VOLUME: DISK},
    ),
    Form(
        "a snapshot as the API shows it",
        f'{{"id": "{SNAPSHOT}", "volume_id": "{VOLUME}", "status": "available", "metadata": {{}}}}',
        [],
        {SNAPSHOT: OF_SNAPSHOT, VOLUME: DISK},
    ),
    Form("a path of a file", f"/var/lib/backup/{A[:2]}/{A}", [A]),
    Form(
        "a ligature of a PDF",
        "c0\ufb00ee12-3456-4789-abcd-ef0123456789",
        ["c0ffee12-3456-4789-abcd-ef0123456789"],
    ),
    Form(
        "rows between tabs that end early",
        f"ID\tName\tStatus\n{A}\tx\n{B}\ty\n{C}\tz\terror\n",
        [A, B, C],
    ),
    Form(
        "the entities of a job",
        f'{{"entities": {{"bakId": "{A}"}}, "job_id": "{JOB}"}}',
        [A],
        {JOB: OF_JOB},
    ),
]
FORMS = [
    *WORDS_OF_PEOPLE,
    *TABLES,
    *DELIMITED,
    *JSON_FORMS,
    *TERRAFORM,
    *KEYS_AND_VALUES,
    *PYTHON,
    *LINKS,
    *SESSIONS,
    *PROSE,
    *BARE,
    *OTHERS,
    *BEHIND,
    *BEFORE,
]
