"""What pages, API and metrics read of clouds goes through what their reader may see."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
BACKUPS = Path(__file__).parents[2]
ROOMS = ("reports", "web", "metrics", "templatetags", "api")
# Tables whose rows lie in a cloud, or belong to one that does.
OF_CLOUDS = {
    "Alarm",
    "Backup",
    "BackupTag",
    "Body",
    "Cause",
    "Cloud",
    "CloudCalls",
    "CloudRule",
    "DeliveredAlarm",
    "Delivery",
    "DeliveryAttempt",
    "Edit",
    "OutcomeBucket",
    "Policy",
    "PolicyMember",
    "PolicyRevision",
    "PolicyTask",
    "Revision",
    "Run",
    "SearchText",
    "StoredDay",
    "TrashedBackup",
    "Vault",
    "VaultResource",
    "Volume",
    "VolumeTag",
}
BY_CLOUDS = "is handed the clouds that the reader may see"
BY_KEYS = "looks up rows of which the keys were read as visible"
# Functions that read without `visible_to`, and why nothing of another cloud comes of it.
OTHERWISE = {
    "reports/open_failures.py failing_subjects": BY_CLOUDS,
    "reports/open_failures.py open_failures": BY_CLOUDS,
    "reports/unprotected.py unprotected_volumes": BY_CLOUDS,
    "reports/running_backups.py _fresh_in_flight": BY_CLOUDS,
    "reports/failures.py _causes": BY_KEYS,
    "reports/failures.py _visible_texts": BY_KEYS,
    "reports/coming.py _other_services": "asks which of them have ended, shown or not",
    "reports/policies.py hidden_backups": "asks which backups lie in a cloud that is not open",
    "reports/volume_runs.py _runs_of": "takes both rows of volumes in clouds that are open",
    "reports/policies.py policy_states": "asks for the newest runs of policies that are visible",
    "reports/policy_plans.py policy_plans": "hands its rows to policy_states",
    "reports/policies.py policy_detail": "hands its rows to policy_states, which filters them",
    "reports/goto.py _causes": "searches reasons for who sees all clouds, else their meaning alone",
    "reports/volumes.py facts_of": BY_KEYS,
    "reports/deliveries.py states": BY_KEYS,
    "reports/audit.py of_backup": "asks whether the cloud is open, and reads rows of it alone",
    "reports/audit.py of_volume": "asks whether the cloud is open, and reads rows of it alone",
    "reports/backup_detail.py last_edit": "filters by the cloud of the backup itself",
    "reports/volume_pages.py volume_state": "hands its rows to volume_states, which filters them",
    "reports/volume_pages.py volume_states_by_pk": "hands its rows to volume_states",
    "api/volumes.py in_order": "hands its rows to volume_states",
    "reports/data_version.py _clouds": "is hashed, and changes with any cloud",
    "reports/readiness.py _lag": "says the same to everybody: a number of clouds, and no name",
}


def reads_without_access() -> Iterator[str]:
    """Yields the functions that begin with all rows of such a table and never narrow them."""
    for room in ROOMS:
        for path in sorted((BACKUPS / room).rglob("*.py")):
            tree = ast.parse(path.read_text())
            above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
            for node in ast.walk(tree):
                if is_table(node) and "visible_to" not in methods_of(node, above):
                    yield f"{path.relative_to(BACKUPS)} {function_around(node, above)}"


def is_table(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("objects", "_default_manager")
        and isinstance(node.value, ast.Name)
        and node.value.id in OF_CLOUDS
    )


def methods_of(node: ast.AST, above: dict[ast.AST, ast.AST]) -> set[str]:
    """The names in the chain that begins with a node: `rows.filter(…).order_by()` has two."""
    names = set()
    around = above[node]
    while isinstance(around, ast.Attribute) or (
        isinstance(around, ast.Call) and around.func is node
    ):
        if isinstance(around, ast.Attribute):
            names.add(around.attr)
        node = around
        around = above[node]
    return names


def function_around(node: ast.AST, above: dict[ast.AST, ast.AST]) -> str:
    while not isinstance(node, ast.FunctionDef | ast.Module):
        node = above[node]
    return node.name if isinstance(node, ast.FunctionDef) else "module"


def test_whoever_reads_rows_of_clouds_reads_those_that_are_visible() -> None:
    unnamed = set(reads_without_access()) - set(OTHERWISE)
    assert unnamed == set(), (
        f"{sorted(unnamed)} read rows of all clouds: begin with `.visible_to(access)`, or name the "
        f"function with a reason in OTHERWISE in backups/tests/reports/test_visible.py."
    )


def test_no_exception_is_named_that_has_gone() -> None:
    assert set(OTHERWISE) - set(reads_without_access()) == set()
