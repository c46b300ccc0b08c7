"""CBR, the successor of VBS: paths, paging and errors (API.md §12)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from backups.vbs import payload_cbr, policies_cbr
from backups.vbs.dialect import Ask, ListCall, ShowCall
from backups.vbs.endpoints import CBR_TYPES
from backups.vbs.errors import Codes
from backups.vbs.policies import Reading, TasksRead

BACKUP_NOT_FOUND: Final = "BackupService.6200"
# Filters in the words of the other dialects, and what CBR calls them.
_FILTERS: Final = {"volume_id": "resource_id"}


class Cbr:
    """A dialect (dialect.py)."""

    name = "cbr"
    label = "CBR"
    catalog_types: Sequence[str] = CBR_TYPES
    permission: str | None = (
        "cbr:backups:list and cbr:backups:get, as the role CBR ReadOnlyAccess has them"
    )
    has_microversions = False
    has_quota = False
    has_policies = True
    has_one_log = True
    not_supplied = payload_cbr.NOT_SUPPLIED
    kinds_by: Literal["cinder", "cbr"] | None = "cbr"
    codes = Codes(gone=frozenset({BACKUP_NOT_FOUND}), prefix="BackupService.")

    def backup(self, backup_id: str) -> ShowCall:
        return ShowCall(f"/backups/{backup_id}", "backup")

    def backups(
        self, *, limit: int, offset: int, sort_key: str, sort_dir: str, filters: Mapping[str, str]
    ) -> ListCall:
        query: dict[str, str | int] = {"limit": limit, "sort": f"{sort_key}:{sort_dir}"}
        if offset:
            query["offset"] = offset
        for key, value in filters.items():
            query[_FILTERS.get(key, key)] = value
        return ListCall("/backups", "backups", query)

    def read_policies(self, ask: Ask) -> Reading:
        return policies_cbr.read_policies(ask)

    def read_tasks(self, ask: Ask, policy_id: str | None, *, since: datetime) -> TasksRead:
        """Asks the one log for all: `policy_id` says nothing."""
        return policies_cbr.read_tasks(ask, since=since)


CBR: Final = Cbr()
