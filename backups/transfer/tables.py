"""Which tables are in the file: all of every app, but for those that are of a running installation
alone. A new table is in it without anybody's doing.
"""

from typing import Any

from django.apps.registry import Apps
from django.db.models import Field, Model

# Who was signed in by versions of before, and who tried to sign in.
LEFT_OUT_APPS = frozenset({"axes", "sessions"})
LEFT_OUT = frozenset(
    {
        # What running parts tell each other.
        "backups.budgetwindow",
        "backups.heartbeat",
        "backups.process",
        # Holds a row within a transaction only.
        "backups.auditcut",
        # Who is signed in.
        "backups.usersession",
        # It goes on from a number of its own after a restore.
        "backups.dataversion",
    }
)


def tables(registry: Apps) -> dict[str, type[Model]]:
    """Returns the models with a table, also those between two others, by `app.model`."""
    by_label: dict[str, type[Model]] = {}
    for model in registry.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            by_label[model._meta.label_lower] = model
    return dict(sorted(by_label.items()))


def moved_tables(registry: Apps) -> dict[str, type[Model]]:
    """Returns those of `tables` that are in the file."""
    return {label: model for label, model in tables(registry).items() if _is_moved(model)}


def _is_moved(model: type[Model]) -> bool:
    meta = model._meta
    return meta.app_label not in LEFT_OUT_APPS and meta.label_lower not in LEFT_OUT


def columns(model: type[Model]) -> list["Field[Any, Any]"]:
    return list(model._meta.concrete_fields)


def kind(field: "Field[Any, Any]") -> str:
    """Returns the type of a column in Django's words; of a foreign key, that of its target."""
    while field.is_relation:
        field = field.target_field  # type: ignore[attr-defined]
    return field.get_internal_type()
