"""The columns of the list of backups that a reader may choose. Status, name and how old the
knowledge is always stand there.
"""

from backups.web.columns import Column

COLUMNS = (
    Column(
        "volume_id",
        "Disk · Cloud",
        "volume_and_cloud",
        order="volume_name",
        classes="disk",
        shows_from="",
    ),
    Column("kind", "Kind", "kind", classes="nowrap", shows_from="p3"),
    Column("size", "Size", "gb", order="-size", classes="num", shows_from="p3"),
    Column("chain_size_mb", "Chain", "mb", order="-chain_size_mb", classes="num"),
    Column("throughput_mb_s", "Speed", "number", "MB/s", classes="num", shows_from="p5"),
    Column("space_saving_percent", "Saved", "number", "%", classes="num", shows_from="p5"),
    Column("description", "Description", "long_text", classes="desc", shows_from="p3"),
    Column("availability_zone", "Zone", shows_from="p6"),
    Column("volume_type", "Disk type", shows_from="p6"),
    Column("created_at", "Created", "time", order="-created_at", classes="num made", shows_from=""),
    Column("cloud", "Cloud", order="cloud", is_default=False),
    Column("id", "ID", order="id", is_default=False),
    Column("updated_at", "Changed", "time", classes="num", is_default=False),
    Column("data_timestamp", "Data as of", "time", classes="num", is_default=False),
    Column("tracked_at", "Tracked since", "time", classes="num", is_default=False),
    Column("service_type", "Made for", is_default=False),
    Column("encrypted", "Encrypted", "flag", is_default=False),
    Column("has_dependent_backups", "Needed by others", "flag", is_default=False),
    Column("object_count", "Objects", "number", classes="num", is_default=False),
    Column("job_id", "Job", is_default=False),
    Column("note", "Note", "long_text", classes="desc", is_default=False),
)
