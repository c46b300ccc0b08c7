"""The columns of the list that a reader may choose. Status, name and how old the knowledge is
always stand there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict


@dataclass(frozen=True)
class Column:
    """`word` of the API; `order`: what pressing its head asks for first; `classes` say from which
    width on it shows.
    """

    word: str
    label: str
    unit: str = ""
    order: str = ""
    classes: str = "p2"
    first: bool = True  # shown when nobody chose


COLUMNS = (
    Column("volume_id", "Disk · Cloud", order="volume_id"),
    Column("kind", "Kind", classes="p2 nowrap"),
    Column("size", "Size", unit="GB", order="-size", classes="num p3"),
    Column("chain_size_mb", "Chain", unit="MB", order="-chain_size_mb", classes="num p2"),
    Column("throughput_mb_s", "Speed", unit="MB/s", classes="num p5"),
    Column("space_saving_percent", "Saved", unit="%", classes="num p5"),
    Column("description", "Description", classes="desc p3"),
    Column("created_at", "Created", order="-created_at", classes="num p2"),
    Column("cloud", "Cloud", order="cloud", first=False),
    Column("updated_at", "Changed", classes="num p2", first=False),
    Column("data_timestamp", "Data as of", classes="num p2", first=False),
    Column("tracked_at", "Tracked since", classes="num p2", first=False),
    Column("availability_zone", "Zone", first=False),
    Column("volume_type", "Disk type", first=False),
    Column("service_type", "Made for", first=False),
    Column("encrypted", "Encrypted", first=False),
    Column("has_dependent_backups", "Needed by others", first=False),
    Column("object_count", "Objects", classes="num p2", first=False),
    Column("job_id", "Job", first=False),
    Column("note", "Note", classes="desc p2", first=False),
)
BY_WORD = {column.word: column for column in COLUMNS}
FIRST = tuple(column for column in COLUMNS if column.first)


@dataclass(frozen=True)
class Chosen:
    """`lost`: columns that were asked for and are none (any more); `own`: did the reader choose?"""

    columns: Sequence[Column]
    lost: Sequence[str]
    own: bool

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(column.word for column in self.columns)


def chosen(query: QueryDict) -> Chosen:
    """`columns=` repeated, or its words behind commas; in the order of the table, whatever the
    order asked for.
    """
    asked = [
        word.strip()
        for value in query.getlist("columns")
        for word in value.split(",")
        if word.strip()
    ]
    if not asked:
        return Chosen(FIRST, (), own=False)
    found = tuple(column for column in COLUMNS if column.word in asked)
    return Chosen(
        found, tuple(dict.fromkeys(word for word in asked if word not in BY_WORD)), own=True
    )
