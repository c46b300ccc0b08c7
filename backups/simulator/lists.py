"""The answers of list calls, flawed as documented, and more flawed on demand (`backups/vbs/API.md`
§6).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backups.simulator.body import Form
from backups.simulator.errors import error, no_such_backup
from backups.simulator.faults import Fault
from backups.simulator.listing import (
    BadQueryError,
    NoMarkerError,
    Paging,
    Window,
    filtered_and_sorted,
    next_link,
    window_of,
)
from backups.simulator.message import Answer, answer_json, encode
from backups.simulator.store import Row, VerbatimBackup
from backups.vbs.json_object import JsonObject

POISON = b'{"id": null, "status": ["?"], "links": "none"}'
# What entries of the documented list lack (§1.1).
LATE_KEYS = ("service_metadata", "os-bak-tenant-attr:tenant_id")
SUMMARY_KEYS = ("id", "name", "links")


@dataclass(frozen=True, slots=True)
class ListCall:
    """One list call of a sender who may ask. `base`: what the server believes to
    be its own address.
    """

    arguments: Mapping[str, str]
    detail: bool
    form: Form
    base: str
    paging: Paging
    faults: Mapping[str, Fault]
    now: float

    def window(self) -> Window:
        return window_of(self.arguments, self.faults)

    def links(
        self, *, page_length: int, limit: int, last_id: str, resource: str
    ) -> list[dict[str, str]]:
        """Returns a next link whenever the page is full, so the last one may lead
        to an empty page.
        """
        is_full = page_length > 0 and page_length == limit
        if is_full or "endless" in self.faults:
            return [next_link(self.arguments, base=f"{self.base}/{resource}", last_id=last_id)]
        return []


def backup_list(rows: list[Row], call: ListCall) -> Answer:
    try:
        window = call.window()
        chosen = filtered_and_sorted(rows, call.arguments, now=call.now, form=call.form)
        page = window.cut(chosen, paging=call.paging, id_of=lambda row: row.id)
    except BadQueryError as problem:
        return error(400, message=str(problem))
    except NoMarkerError as problem:
        return no_such_backup(str(problem))
    # Put together from bytes: most rows keep theirs, and decoding a page of 1,000 would cost more
    # than all the rest.
    body = b'{"backups": [' + b", ".join(_entries(page, call)) + b"]"
    links = call.links(
        page_length=len(page),
        limit=window.limit,
        last_id=page[-1].id if page else "",
        resource="backups",
    )
    if links:
        body += b', "backups_links": ' + encode(links)
    if "with_count" in call.arguments and call.form.minor >= 45:
        body += b', "count": ' + encode(len(chosen))
    return Answer(200, body + b"}")


def _entries(page: Sequence[Row], call: ListCall) -> list[bytes]:
    bodies = [encoded(row, call.now, call.form) for row in page]
    if not call.detail:
        bodies = [encode(_summary(json.loads(body))) for body in bodies]
    if "list_lacks_keys" in call.faults:
        bodies = [without_late_keys(body) for body in bodies]
    if "poison" in call.faults and bodies:
        bodies[0] = POISON
    return bodies


def volume_list(volumes: list[JsonObject], call: ListCall) -> Answer:
    try:
        window = call.window()
        page = window.cut(volumes, paging=call.paging, id_of=lambda volume: str(volume["id"]))
    except BadQueryError as problem:
        return error(400, message=str(problem))
    except NoMarkerError as problem:
        return error(404, message=f"Volume {problem} could not be found.")
    body: JsonObject = {"volumes": page if call.detail else [_summary(volume) for volume in page]}
    links = call.links(
        page_length=len(page),
        limit=window.limit,
        last_id=str(page[-1]["id"]) if page else "",
        resource="volumes",
    )
    if links:
        body["volumes_links"] = links
    return answer_json(body)


def encoded(row: Row, now: float, form: Form) -> bytes:
    """Returns the backup as JSON; stock Cinder has neither metadata nor tenant key, in the page's
    example neither (§9).
    """
    body = row.encode(now, form)
    if form.flavor == "cinder" and isinstance(row, VerbatimBackup) and row.text:
        return without_late_keys(body)
    return body


def without_late_keys(body: bytes) -> bytes:
    backup: JsonObject = json.loads(body)
    for key in LATE_KEYS:
        backup.pop(key, None)
    return encode(backup)


def _summary(whole: JsonObject) -> JsonObject:
    """Returns what a list without details has of a backup or a volume."""
    return {key: whole[key] for key in SUMMARY_KEYS if key in whole}
