"""VBS and stock Cinder: one shape of paths, lists and errors (API.md §1, §5, §6, §9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from backups.vbs import policies_vbs
from backups.vbs.decoded_backup import WORDS_OF_CBR
from backups.vbs.dialect import Ask, ListCall, Query, ShowCall
from backups.vbs.endpoints import CINDER_TYPES, VBS_TYPES
from backups.vbs.errors import NO_CODES, Codes
from backups.vbs.policies import Reading, TasksRead
from backups.vbs.service_metadata import METADATA_WORDS


@dataclass(frozen=True)
class OpenStack:
    """A dialect (dialect.py)."""

    name: str
    label: str
    catalog_types: Sequence[str]
    has_microversions: bool
    has_quota: bool
    has_policies: bool
    not_supplied: frozenset[str]
    permission: str | None = None
    codes: Codes = NO_CODES
    kinds_by: Literal["cinder", "cbr"] | None = None
    has_one_log: bool = False

    def backup(self, backup_id: str) -> ShowCall:
        return ShowCall(f"/backups/{backup_id}", "backup")

    def backups(
        self, *, limit: int, offset: int, sort_key: str, sort_dir: str, filters: Mapping[str, str]
    ) -> ListCall:
        query: Query = {
            "limit": limit,
            "offset": offset,
            "sort_key": sort_key,
            "sort_dir": sort_dir,
            **filters,
        }
        return ListCall("/backups/detail", "backups", query)

    def read_policies(self, ask: Ask) -> Reading:
        if not self.has_policies:
            raise NotImplementedError(f"{self.label} has no policies.")
        return policies_vbs.read_policies(ask)

    def read_tasks(self, ask: Ask, policy_id: str | None, *, since: datetime) -> TasksRead:
        if not self.has_policies or policy_id is None:
            raise NotImplementedError(f"{self.label} has no log of all policies.")
        return policies_vbs.read_tasks(ask, policy_id, since=since)


VBS: Final = OpenStack(
    name="vbs",
    label="VBS",
    catalog_types=VBS_TYPES,
    has_microversions=False,
    has_quota=True,
    has_policies=True,
    not_supplied=WORDS_OF_CBR,
)
CINDER: Final = OpenStack(
    name="cinder",
    label="stock Cinder",
    catalog_types=CINDER_TYPES,
    has_microversions=True,
    has_quota=False,
    has_policies=False,
    not_supplied=WORDS_OF_CBR | METADATA_WORDS,
    kinds_by="cinder",
)
