"""What a backup service is asked, and how its answers are to be taken: one small protocol, which
each service implements in a file of its own.

The client asks its dialect for paths and queries; who is above asks for what a service can do
(`has_quota`, `has_policies`) and which words it never tells (`not_supplied`), not for its name.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from backups.vbs.errors import Codes
from backups.vbs.json_object import JsonObject
from backups.vbs.policies import Reading, TasksRead

Query = Mapping[str, str | int]


class ListCall(NamedTuple):
    """Where a page of a list is, and the key of its entries."""

    path: str
    key: str
    query: Query


class ShowCall(NamedTuple):
    """Where one backup is, and the key of its envelope."""

    path: str
    key: str


class Ask(Protocol):
    """Makes one GET below the address of the backup service; raises VBSError."""

    def __call__(self, path: str, query: Query) -> JsonObject: ...


class Dialect(Protocol):
    """`name` is the word of `vbs_api`, `label` what people call the service. `catalog_types`: how a
    catalog names it, the preferred one first. `permission`: the right that reading takes, where the
    service has a name for it.

    `not_supplied`: the columns of a backup that it has no word for, so that null means nothing.
    """

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def catalog_types(self) -> Sequence[str]: ...
    @property
    def permission(self) -> str | None: ...
    @property
    def has_microversions(self) -> bool: ...
    @property
    def has_quota(self) -> bool: ...
    @property
    def has_policies(self) -> bool: ...
    @property
    def has_one_log(self) -> bool:
        """Are the tasks of all policies in one log? Else each policy has its own."""
        ...

    @property
    def not_supplied(self) -> frozenset[str]: ...
    @property
    def codes(self) -> Codes: ...
    @property
    def kinds_by(self) -> Literal["cinder", "cbr"] | None:
        """Returns by whose rules full and incremental are told apart; None: by `Type`."""
        ...

    def backup(self, backup_id: str) -> ShowCall:
        """Returns how one backup is asked for."""
        ...

    def backups(
        self, *, limit: int, offset: int, sort_key: str, sort_dir: str, filters: Mapping[str, str]
    ) -> ListCall:
        """Returns how one page of the list of backups is asked for."""
        ...

    def read_policies(self, ask: Ask) -> Reading:
        """Asks for all policies, and vaults where there are some."""
        ...

    def read_tasks(self, ask: Ask, policy_id: str | None, *, since: datetime) -> TasksRead:
        """Asks for the tasks of a policy, or of the one log, that were created at `since` or later.

        No VBSError is raised: the answer has it, with what came before it.
        """
        ...
