"""The answers of list calls, flawed as documented, and more flawed on demand (`backups/vbs/API.md`
§6).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backups.simulator.body import Form
from backups.simulator.errors import error, no_such_backup
from backups.simulator.faults import Fault
from backups.simulator.listing import (
    BadQueryError,
    NoMarkerError,
    Paging,
    Window,
    chosen,
    next_link,
)
from backups.simulator.message import Answer, answer_json, encode
from backups.simulator.store import Given, Row

POISON = b'{"id": null, "status": ["?"], "links": "none"}'
LATE_KEYS = (
    "service_metadata",
    "os-bak-tenant-attr:tenant_id",
)  # what entries of the documented list lack (§1.1)


@dataclass(frozen=True, slots=True)
class ListCall:
    """One list call of a sender who may ask. `base`: what the server believes to be its own
    address.
    """

    arguments: Mapping[str, str]
    detail: bool
    form: Form
    base: str
    paging: Paging
    faults: Mapping[str, Fault]
    now: float

    def window(self) -> Window:
        window = Window.of(self.arguments)
        if "endless" in self.faults:
            return replace(window, offset=0, marker=None)
        return window.shifted(self.faults["shift"].rows) if "shift" in self.faults else window

    def links(
        self, *, page_length: int, limit: int, last_id: str, word: str
    ) -> list[dict[str, str]]:
        """A next link whenever the page is full, so the last one may lead to an empty page."""
        if "endless" in self.faults or (page_length and page_length == limit):
            return [next_link(self.arguments, base=f"{self.base}/{word}", last_id=last_id)]
        return []


def backup_list(rows: list[Row], call: ListCall) -> Answer:
    try:
        window = call.window()
        found = chosen(rows, call.arguments, now=call.now, form=call.form)
        page = window.cut(found, paging=call.paging, id_of=lambda row: row.id)
    except BadQueryError as problem:
        return error(400, message=str(problem))
    except NoMarkerError as problem:
        return no_such_backup(str(problem))
    body = (
        b'{"backups": ['
        + b", ".join(_entries([written(row, call.now, call.form) for row in page], call))
        + b"]"
    )
    last_id = page[-1].id if page else ""
    links = call.links(page_length=len(page), limit=window.limit, last_id=last_id, word="backups")
    if links:
        body += b', "backups_links": ' + encode(links)
    if "with_count" in call.arguments and call.form.minor >= 45:
        body += b', "count": ' + encode(len(found))
    return Answer(200, body + b"}")


def _entries(bodies: list[bytes], call: ListCall) -> list[bytes]:
    if not call.detail:
        bodies = [summary(body) for body in bodies]
    if "list_lacks_keys" in call.faults:
        bodies = [without_late_keys(body) for body in bodies]
    if "poison" in call.faults and bodies:
        bodies = [POISON, *bodies[1:]]
    return bodies


def volume_list(volumes: list[dict[str, Any]], call: ListCall) -> Answer:
    try:
        window = call.window()
        page = window.cut(volumes, paging=call.paging, id_of=lambda volume: str(volume["id"]))
    except BadQueryError as problem:
        return error(400, message=str(problem))
    except NoMarkerError as problem:
        return error(404, message=f"Volume {problem} could not be found.")
    body: dict[str, Any] = {
        "volumes": [volume if call.detail else _short(volume) for volume in page]
    }
    last_id = str(page[-1]["id"]) if page else ""
    links = call.links(page_length=len(page), limit=window.limit, last_id=last_id, word="volumes")
    return answer_json(body | ({"volumes_links": links} if links else {}))


def written(row: Row, now: float, form: Form) -> bytes:
    """The backup as JSON; stock Cinder has neither metadata nor tenant key, in the page's example
    neither (§9).
    """
    body = row.encode(now, form)
    return (
        without_late_keys(body)
        if form.flavor == "cinder" and isinstance(row, Given) and row.text
        else body
    )


def without_late_keys(body: bytes) -> bytes:
    return encode({key: value for key, value in json.loads(body).items() if key not in LATE_KEYS})


def summary(body: bytes) -> bytes:
    return encode(_short(json.loads(body)))


def _short(whole: Mapping[str, Any]) -> dict[str, Any]:
    return {key: whole[key] for key in ("id", "name", "links") if key in whole}
