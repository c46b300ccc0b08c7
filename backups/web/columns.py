"""The columns of the list that a reader may choose. Status, name and how old the knowledge is
always stand there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict


@dataclass(frozen=True)
class Column:
    """`field` is the API's name. `order` is what pressing the head asks for first. `classes` say
    from which width on the column shows. `is_default`: it shows when the reader chose none.
    """

    field: str
    label: str
    unit: str = ""
    order: str = ""
    classes: str = "p2"
    is_default: bool = True


COLUMNS = (
    Column("volume_id", "Disk · Cloud", order="volume_id"),
    Column("kind", "Kind", classes="p2 nowrap"),
    Column("size", "Size", unit="GB", order="-size", classes="num p3"),
    Column("chain_size_mb", "Chain", unit="MB", order="-chain_size_mb", classes="num p2"),
    Column("throughput_mb_s", "Speed", unit="MB/s", classes="num p5"),
    Column("space_saving_percent", "Saved", unit="%", classes="num p5"),
    Column("description", "Description", classes="desc p3"),
    Column("created_at", "Created", order="-created_at", classes="num p2"),
    Column("cloud", "Cloud", order="cloud", is_default=False),
    Column("updated_at", "Changed", classes="num p2", is_default=False),
    Column("data_timestamp", "Data as of", classes="num p2", is_default=False),
    Column("tracked_at", "Tracked since", classes="num p2", is_default=False),
    Column("availability_zone", "Zone", is_default=False),
    Column("volume_type", "Disk type", is_default=False),
    Column("service_type", "Made for", is_default=False),
    Column("encrypted", "Encrypted", is_default=False),
    Column("has_dependent_backups", "Needed by others", is_default=False),
    Column("object_count", "Objects", classes="num p2", is_default=False),
    Column("job_id", "Job", is_default=False),
    Column("note", "Note", classes="desc p2", is_default=False),
)
BY_FIELD = {column.field: column for column in COLUMNS}
DEFAULT_COLUMNS = tuple(column for column in COLUMNS if column.is_default)


@dataclass(frozen=True)
class ChosenColumns:
    """`lost`: names in the address that are no columns (any more). `own`: did the reader choose?"""

    columns: Sequence[Column]
    lost: Sequence[str]
    own: bool

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(column.field for column in self.columns)


def chosen_columns(query: QueryDict) -> ChosenColumns:
    """Reads `columns=`, repeated or with commas. The columns stand in the order of COLUMNS."""
    names = []
    for value in query.getlist("columns"):
        names += [name.strip() for name in value.split(",") if name.strip()]
    if not names:
        return ChosenColumns(DEFAULT_COLUMNS, (), own=False)
    columns = tuple(column for column in COLUMNS if column.field in names)
    lost = [name for name in dict.fromkeys(names) if name not in BY_FIELD]
    return ChosenColumns(columns, lost, own=True)
