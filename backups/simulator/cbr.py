"""The paths of CBR: `/cbr/v3/{project_id}/…` (`backups/vbs/API.md` §12)."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from backups.simulator.cbr_body import CbrBodies
from backups.simulator.estate import CbrRow, Estate
from backups.simulator.listing import BadQueryError, Item, NoMarkerError, window_of
from backups.simulator.message import Answer, answer_json
from backups.simulator.policy import Run
from backups.simulator.vbs_policies import Asked
from backups.vbs.json_object import JsonObject

PREFIX = "/cbr"
ROUTE = re.compile(
    r"/cbr/v3/(?P<project>[^/]+)/(?P<resource>backups|vaults|policies|operation-logs|checkpoints)"
    r"(?:/(?P<id>[^/]+))?/?"
)
# Words of a backup that a query may ask for as they stand in it.
BACKUP_WORDS = ("vault_id", "checkpoint_id", "resource_type", "resource_name", "resource_az")
SORT_KEYS = ("created_at", "updated_at", "name", "status", "protected_at", "id")
NOT_FOUND = {
    "backups": ("BackupService.6200", "Backup does not exist."),
    "vaults": ("BackupService.6105", "Vault does not exist."),
    "policies": ("BackupService.6000", "Policy does not exist."),
    "operation-logs": ("BackupService.6500", "Operation log does not exist."),
    "checkpoints": ("BackupService.6217", "Checkpoint does not exist."),
}


def refusal(status: int, code: str, message: str) -> Answer:
    """Returns an error as CBR itself writes it."""
    return answer_json({"error_code": f"BackupService.{code}", "error_msg": message}, status)


class Page(NamedTuple):
    entries: Sequence[JsonObject]
    total: int
    offset: int
    limit: int


class CbrService:
    """Answers those who may ask. Safe to use from many threads."""

    def __init__(self, estate: Estate, *, project_id: str) -> None:
        self._estate = estate
        self._project_id = project_id
        self._added: dict[str, dict[str, JsonObject]] = {
            "vaults": {},
            "policies": {},
            "operation-logs": {},
            "checkpoints": {},
        }
        self._lists: dict[str, Callable[[CbrBodies, Asked], Page]] = {
            "backups": self._backups,
            "vaults": self._vaults,
            "policies": self._policies,
            "operation-logs": self._logs,
        }
        self._shows: dict[str, Callable[[CbrBodies, str], JsonObject | None]] = {
            "backups": self._backup,
            "vaults": self._vault,
            "policies": self._policy,
            "operation-logs": self._log,
            "checkpoints": self._checkpoint,
        }

    def add(self, resource: str, body: JsonObject) -> None:
        """Serves this vault, policy, operation log or checkpoint as it is, lists it before all
        others.
        """
        self._added[resource][str(body.get("id"))] = body

    def answer(self, resource: str, wanted: str | None, asked: Asked) -> Answer:
        bodies = CbrBodies(self._estate, project_id=self._project_id, now=asked.now)
        if resource == "policies" and not self._estate.doubts.policies_allowed:
            message = "Policy doesn't allow cbr:policies:list to be performed."
            return refusal(403, "9903", message)
        if wanted is not None:
            return self._one(resource, wanted, bodies)
        if resource not in self._lists:  # There is no list of checkpoints.
            return refusal(404, "6217", NOT_FOUND["checkpoints"][1])
        try:
            page = self._lists[resource](bodies, asked)
        except BadQueryError as problem:
            return refusal(400, "9900", f"Invalid {problem}")
        except NoMarkerError as problem:
            return refusal(400, "9900", f"Invalid marker {problem} provided.")
        return answer_json(self._envelope(resource, page, asked))

    def _envelope(self, resource: str, page: Page, asked: Asked) -> JsonObject:
        doubts = self._estate.doubts
        entries = list(page.entries)
        if "poison" in asked.faults and entries:
            entries[0] = {"id": None, "status": ["?"]}
        body: JsonObject = {}
        if resource not in ("policies", "operation-logs") or doubts.lists == "list":
            body[resource.replace("-", "_")] = entries
        elif doubts.lists == "null":
            body[resource.replace("-", "_")] = None
        if doubts.count != "absent":
            body["count"] = page.total if doubts.count == "total" else len(entries)
        if resource != "policies":
            body |= {"offset": page.offset, "limit": page.limit}
        return body

    def _one(self, resource: str, wanted: str, bodies: CbrBodies) -> Answer:
        body = self._added.get(resource, {}).get(wanted)
        if body is None:
            body = self._shows[resource](bodies, wanted)
        if body is None:
            code, message = NOT_FOUND[resource]
            return refusal(404, code.partition(".")[2], message)
        words = {"policies": "policy", "operation-logs": "operation_log"}
        return answer_json({words.get(resource, resource.removesuffix("s")): body})

    # Backups

    def _backups(self, bodies: CbrBodies, asked: Asked) -> Page:
        rows = self._chosen(bodies, asked)
        rows = self._sorted(rows, bodies, asked.arguments.get("sort", "created_at"))
        rows, total, window = self._cut(rows, asked, lambda row: row.id)
        entries = [bodies.backup(row, whole=False) for row in rows]
        return Page(entries, total, window[0], window[1])

    def _chosen(self, bodies: CbrBodies, asked: Asked) -> list[CbrRow]:
        arguments = asked.arguments
        parent_id = arguments.get("parent_id")
        rows = self._estate.cbr_rows()
        if parent_id is not None:
            rows = self._estate.children_of(parent_id)
        if arguments.get("image_type", "backup") != "backup":
            return []
        own_type = arguments.get("own_type", "private")
        if own_type not in ("private", "shared", "all_granted"):
            raise BadQueryError("own_type provided.")
        if own_type == "shared":
            return []
        start = _instant(arguments, "start_time")
        end = _instant(arguments, "end_time")
        statuses = asked.every("status")
        words = sorted(arguments.keys() & set(BACKUP_WORDS))

        def _is_chosen(row: CbrRow) -> bool:
            if arguments.get("resource_id", row.resource_id) != row.resource_id:
                return False
            if start is not None and row.created < start:
                return False
            if end is not None and row.created > end:
                return False
            if statuses and bodies.status(row) not in statuses:
                return False
            if "name" in arguments and bodies.name(row) != arguments["name"]:
                return False
            if not words:
                return True
            body = bodies.backup(row, whole=False)
            return all(body.get(word) == arguments[word] for word in words)

        return list(filter(_is_chosen, rows))

    def _sorted(self, rows: list[CbrRow], bodies: CbrBodies, sort: str) -> list[CbrRow]:
        key, _, direction = sort.partition(":")
        if key not in SORT_KEYS or direction not in ("", "asc", "desc"):
            raise BadQueryError("sort provided.")
        if key != "created_at":
            rows = sorted(rows, key=lambda row: str(bodies.backup(row, whole=False).get(key) or ""))
        return rows if direction == "asc" else rows[::-1]

    def _backup(self, bodies: CbrBodies, wanted: str) -> JsonObject | None:
        row = self._estate.cbr_row(wanted)
        return None if row is None else bodies.backup(row, whole=True)

    # Vaults

    def _vaults(self, bodies: CbrBodies, asked: Asked) -> Page:
        arguments = asked.arguments
        vaults = self._estate.vaults()
        for word in ("id", "name", "policy_id", "object_type", "status"):
            value = arguments.get(word)
            if value is not None:
                vaults = [vault for vault in vaults if getattr(vault, word) == value]
        wanted = arguments.get("resource_ids")
        if wanted is not None:
            ids = set(wanted.split(","))
            vaults = [
                vault
                for vault in vaults
                if not ids.isdisjoint(resource.id for resource in vault.resources)
            ]
        entries = [*self._added["vaults"].values(), *(bodies.vault(vault) for vault in vaults)]
        return self._page(entries, asked)

    def _vault(self, bodies: CbrBodies, wanted: str) -> JsonObject | None:
        for vault in self._estate.vaults():
            if vault.id == wanted:
                return bodies.vault(vault)
        return None

    # Policies

    def _policies(self, bodies: CbrBodies, asked: Asked) -> Page:
        """Returns all of them: nothing is documented of pages."""
        flips = self._estate.flips()
        entries = list(self._added["policies"].values())
        vault_id = asked.arguments.get("vault_id")
        if asked.arguments.get("operation_type", "backup") == "replication":
            return Page([], 0, 0, 0)
        for policy in self._estate.policies("cbr"):
            vaults = self._estate.vaults_of(policy.id)
            if vault_id is None or any(vault.id == vault_id for vault in vaults):
                entries.append(bodies.policy(policy, vaults, enabled=policy.enabled != flips))
        return Page(entries, len(entries), 0, len(entries))

    def _policy(self, bodies: CbrBodies, wanted: str) -> JsonObject | None:
        for policy in self._estate.policies("cbr"):
            if policy.id == wanted:
                vaults = self._estate.vaults_of(policy.id)
                return bodies.policy(policy, vaults, enabled=policy.enabled)
        return None

    # Operation logs and checkpoints

    def _logs(self, bodies: CbrBodies, asked: Asked) -> Page:
        arguments = asked.arguments
        if self._estate.doubts.first_log_offset and arguments.get("offset") == "0":
            raise BadQueryError("offset provided.")
        start = _instant(arguments, "start_time")
        end = _instant(arguments, "end_time")
        vaults = {vault.id: vault for vault in self._estate.vaults()}

        def _as_log(item: Run | JsonObject) -> JsonObject:
            return item if isinstance(item, dict) else bodies.log(item, vaults)

        statuses = asked.every("status")

        def _is_chosen(run: Run) -> bool:
            began = run.slot + 1
            if start is not None and began < start:
                return False
            if end is not None and began > end:
                return False
            if arguments.get("resource_id", run.resource.id) != run.resource.id:
                return False
            if arguments.get("vault_id", run.vault_id) != run.vault_id:
                return False
            return not statuses or bodies.log_word(run) in statuses

        added: list[JsonObject | Run] = list(self._added["operation-logs"].values())
        items = added + list(filter(_is_chosen, self._estate.runs_of_cbr()))
        wanted_types = asked.every("operation_type")
        if wanted_types:
            items = [item for item in items if _operation_type(item) in wanted_types]
        for word in ("provider_id", "vault_name"):
            values = asked.every(word)
            if values:
                items = [item for item in items if _as_log(item).get(word) in values]
        page, total, window = self._cut(items, asked, lambda item: str(_as_log(item)["id"]))
        return Page([_as_log(item) for item in page], total, window[0], window[1])

    def _log(self, bodies: CbrBodies, wanted: str) -> JsonObject | None:
        vaults = {vault.id: vault for vault in self._estate.vaults()}
        for run in self._estate.runs_of_cbr():
            if run.id == wanted:
                return bodies.log(run, vaults)
        return None

    def _checkpoint(self, bodies: CbrBodies, wanted: str) -> JsonObject | None:
        runs = [run for run in self._estate.runs_of_cbr() if run.checkpoint_id == wanted]
        if not runs:
            return None
        vaults = {vault.id: vault for vault in self._estate.vaults()}
        return bodies.checkpoint(wanted, runs, vaults.get(runs[0].vault_id or ""))

    # Pages

    def _page(self, entries: list[JsonObject], asked: Asked) -> Page:
        cut, total, window = self._cut(entries, asked, lambda entry: str(entry.get("id")))
        return Page(cut, total, window[0], window[1])

    def _cut(
        self, items: Sequence[Item], asked: Asked, id_of: Callable[[Item], str]
    ) -> tuple[list[Item], int, tuple[int, int]]:
        """Returns the page, the number of all, and the offset and limit of the answer."""
        window = window_of(asked.arguments, asked.faults)
        if window.limit == 0:
            raise BadQueryError("limit provided.")
        page = window.cut(items, paging="marker", id_of=id_of)
        return list(page), len(items), (window.offset, window.limit)


def _operation_type(item: Run | JsonObject) -> object:
    return item.get("operation_type") if isinstance(item, dict) else "backup"


def _instant(arguments: Mapping[str, str], word: str) -> float | None:
    """Returns a time of the query in seconds since 1970; only `…Z` is documented."""
    text = arguments.get(word)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as problem:
        raise BadQueryError(f"{word} provided.") from problem
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
