"""Columns of a list that a reader chooses, and their order: both stand in the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from django.http import QueryDict

from backups.analysis.sizes import GB, MB, Unit, unit_of_all

# How values of a column are written (templatetags/cells.py).
Form = Literal[
    "text", "long_text", "number", "mb", "gb", "flag", "time", "kind", "volume_and_cloud"
]
# What sizes were given in.
GIVEN: Mapping[Form, Unit] = {"mb": MB, "gb": GB}
# From which width of the window on a column shows, the narrowest first: classes of vbsdash.css.
# What shows from "p6" on goes first when the window becomes narrow.
WIDTHS = ("", "p2", "p3", "p5", "p6")
# A cell that is no longer shown from the width on at which columns of this class come in.
UNTIL = {"p3": "until-p3", "p5": "until-p5", "p6": "until-p6"}
EARLIER = "earlier"
LATER = "later"
# Which menu of the page is open: a press in the chooser leaves it so.
MENU = "menu"


@dataclass(frozen=True)
class Column:
    """`field` is the API's name. `order` is what pressing the head asks for first. `classes` are of
    its cells. `shows_from` is one of WIDTHS. `is_default`: it shows when the reader chose none.
    """

    field: str
    label: str
    form: Form = "text"
    unit: str = ""
    order: str = ""
    classes: str = ""
    shows_from: str = "p2"
    is_default: bool = True

    @property
    def css(self) -> str:
        return f"{self.classes} {self.shows_from}".strip()


@dataclass(frozen=True)
class OfferedColumn:
    """A line of the chooser; who has no neighbour on a side cannot move there."""

    column: Column
    is_chosen: bool
    goes_earlier: bool
    goes_later: bool


@dataclass(frozen=True)
class ChosenColumns:
    """`offered`: all columns, those that show first, in their order. `lost`: names in the address
    that are no columns (any more). `own`: did the reader choose?
    """

    columns: Sequence[Column]
    offered: Sequence[OfferedColumn]
    lost: Sequence[str]
    own: bool

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(column.field for column in self.columns)


def chosen_columns(query: QueryDict, columns: Sequence[Column]) -> ChosenColumns:
    """Reads `columns=`, repeated or with commas. The chosen ones stand in the order of the address
    and show at each width: who asks for a column wants to see it.
    """
    names = _names(query)
    by_field = {column.field: column for column in columns}
    chosen = [replace(by_field[name], shows_from="") for name in names if name in by_field]
    lost = [name for name in names if name not in by_field]
    if not names:
        chosen = [column for column in columns if column.is_default]
    return ChosenColumns(tuple(chosen), _offered(chosen, columns), lost, own=bool(names))


def _names(query: QueryDict) -> list[str]:
    names = []
    for value in query.getlist("columns"):
        names += [name.strip() for name in value.split(",") if name.strip()]
    return list(dict.fromkeys(names))


def _offered(chosen: Sequence[Column], columns: Sequence[Column]) -> list[OfferedColumn]:
    offered = []
    for place, column in enumerate(chosen):
        is_last = place == len(chosen) - 1
        offered.append(OfferedColumn(column, True, goes_earlier=place > 0, goes_later=not is_last))
    fields = {column.field for column in chosen}
    others = [column for column in columns if column.field not in fields]
    offered += [OfferedColumn(column, False, False, False) for column in others]
    return offered


def moved(query: QueryDict) -> QueryDict | None:
    """Returns the address after a press on one of the chooser's arrows, with the chooser open;
    None when none was pressed.
    """
    if EARLIER not in query and LATER not in query:
        return None
    names = _names(query)
    address = query.copy()
    steps = [(name, -1) for name in address.pop(EARLIER, [])]
    steps += [(name, 1) for name in address.pop(LATER, [])]
    for name, step in steps:
        if name in names:
            place = max(0, names.index(name) + step)
            names.remove(name)
            names.insert(place, name)
    address.setlist("columns", names)
    address[MENU] = "columns"
    return address


def units_of(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> dict[str, Unit]:
    """Returns the one unit of each column of sizes, by its field: that of the largest size on this
    page.
    """
    units = {}
    for column in columns:
        given = GIVEN.get(column.form)
        if given is not None:
            sizes = [row[column.field] for row in rows if row[column.field] is not None]
            units[column.field] = unit_of_all(given.mb * size for size in sizes)
    return units


@dataclass(frozen=True)
class RoomCell:
    """One cell in place of several: over how many columns, at the widths of its classes. It says
    the reason, or is empty where these columns have no room for it.
    """

    span: int
    classes: str
    says: bool = True


@dataclass(frozen=True)
class Room:
    """Columns of a row side by side that hold nothing: the first and the one behind the last, and
    the cells that may stand there instead, one for each width at which another number of these
    columns shows. One that begins as soon as columns do is for phones too, where a cell has a line
    of its own. In windows that show none of these columns, `elsewhere` is the class of what
    stands somewhere else instead; it is empty when there is no such window. `rank`: the room whose
    rank is the highest is the widest in most windows.
    """

    begin: int
    end: int
    cells: Sequence[RoomCell]
    elsewhere: str
    rank: tuple[int, ...]


def room_in(columns: Sequence[Column], row: Mapping[str, Any]) -> Room | None:
    """Returns the widest room of a row; None where each column holds something."""
    best = None
    begin = 0
    for place in range(len(columns) + 1):
        if place < len(columns) and _is_empty(row, columns[place]):
            continue
        room = _room(columns, begin, place)
        if room is not None and (best is None or room.rank > best.rank):
            best = room
        begin = place + 1
    return best


def _room(columns: Sequence[Column], begin: int, end: int) -> Room | None:
    """Returns the room of these columns; None where no window shows enough of them."""
    run = columns[begin:end]
    cells: list[RoomCell] = []
    for width in WIDTHS[1:]:
        shown = _shown(run, width)
        cell = RoomCell(len(shown), width, says=_is_wide(shown))
        if not shown or (cells and _are_alike(cell, cells[-1])):
            continue
        if cells:
            before = cells[-1]
            cells[-1] = replace(before, classes=f"{before.classes} {UNTIL[width]}")
        cells.append(cell)
    says = [cell for cell in cells if cell.says]
    if not says:
        return None
    first_width = says[0].classes.split(" ")[0]
    elsewhere = UNTIL.get(first_width, "")
    if not elsewhere:
        # A phone, which has no columns, gives it a line.
        cells[0] = replace(cells[0], classes=cells[0].classes.removeprefix(first_width).strip())
    rank = (len(_shown(run, "p3")), len(_shown(run, "p2")), len(run))
    return Room(begin, end, cells, elsewhere, rank)


def _are_alike(cell: RoomCell, other: RoomCell) -> bool:
    return (cell.span, cell.says) == (other.span, other.says)


def _shown(columns: Sequence[Column], width: str) -> list[Column]:
    """Returns those of the columns that show at a width."""
    widths = WIDTHS[: WIDTHS.index(width) + 1]
    return [column for column in columns if column.shows_from in widths]


def _is_wide(columns: Sequence[Column]) -> bool:
    """Has a sentence room over these columns? Over a single number it has not."""
    return len(columns) > 1 or any(column.form in ("text", "long_text") for column in columns)


def _is_empty(row: Mapping[str, Any], column: Column) -> bool:
    if column.form == "volume_and_cloud":
        return False  # Each row has a cloud.
    return row[column.field] is None or row[column.field] == ""
