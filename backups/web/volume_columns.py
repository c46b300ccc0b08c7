"""The columns of the list of disks that a reader may choose. The disk and its days always stand
there.
"""

from dataclasses import replace

from backups.web.columns import ChosenColumns, Column


def _time(field: str, label: str, order: str = "") -> Column:
    return Column(field, label, "time", order=order, classes="num", is_default=False)


DISK = Column("name", "Disk", order="name", classes="volume", shows_from="")
COLUMNS = (
    Column("protection", "Protection and rule", order="attention"),
    Column("loss", "Would be lost", order="last_good_at", classes="num", shows_from="p3"),
    Column("worst_gap", "Worst gap", classes="num", shows_from="p5"),
    Column("chain_size_mb", "Chain", "mb", order="-chain_size_mb", classes="num", shows_from="p5"),
    Column("days_in_words", "Days", classes="sum", shows_from=""),
    Column("schedule", "Schedule", is_default=False),
    Column("policy_name", "Policy", is_default=False),
    Column("next_run_at", "Next run", "time", classes="num", is_default=False),
    Column("last_run_outcome", "Newest run", is_default=False),
    Column("last_run_at", "Promised for", "time", classes="num", is_default=False),
    Column("size", "Size", "gb", order="-size", classes="num", is_default=False),
    Column(
        "last_good_at", "Last good", "time", order="-last_good_at", classes="num", is_default=False
    ),
    Column("late_at", "Next is due", "time", order="late_at", classes="num", is_default=False),
    Column(
        "overdue_at", "Overdue from", "time", order="overdue_at", classes="num", is_default=False
    ),
    Column("tracked", "Backups", "number", classes="num", is_default=False),
    Column("follow", "Followed", "flag", is_default=False),
    Column("cloud", "Cloud", order="cloud", is_default=False),
    Column("volume_id", "ID", order="volume_id", is_default=False),
    Column("label", "Label", order="label", is_default=False),
    Column("note", "Note", is_default=False),
    Column("vault_id", "Vault ID", is_default=False),
    Column("vault_mb", "In the vault", "mb", classes="num", is_default=False),
    _time("first_seen_at", "Known since"),
)


def with_ordering_shown(chosen: ChosenColumns, ordering: str) -> ChosenColumns:
    """Returns the columns, of which the one that orders the list shows in each window."""
    field = ordering.lstrip("-")
    columns = list(chosen.columns)
    for place, column in enumerate(columns):
        if column.order.lstrip("-") == field and column.shows_from in ("p3", "p5"):
            columns[place] = replace(column, shows_from="p2")
    return replace(chosen, columns=columns)
