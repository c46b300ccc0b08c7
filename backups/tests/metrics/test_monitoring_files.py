"""The alert rules and the dashboard ask only for what a live scrape gives, by
the labels it gives.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from backups.tests.metrics.test_collector import key, known, now, two_clouds

__all__ = ["known", "now", "two_clouds"]
FOLDER = Path(__file__).resolve().parents[2] / "metrics"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
OF_PROMETHEUS = {"up": {"job", "instance"}}
WORDS = {"sum", "by", "rate", "increase", "time", "topk", "offset", "label_values"}


@pytest.fixture
def live(client: Client, known: datetime) -> dict[str, set[str]]:
    """The labels of every series of a scrape, by its name."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {key()}"})
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
        found.setdefault(family.name, set())  # announced, though there is no such series just now
    return {**found, **OF_PROMETHEUS}


def expressions() -> Iterator[tuple[str, str]]:
    """Where it stands, and the expression."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]


def read(expression: str) -> tuple[set[str], set[str]]:
    """The names of metrics and of labels in an expression."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    matchers = re.findall(r"\{([^}]*)\}", bare)
    labels = {
        label for inside in matchers for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)
    }
    labels |= {
        label.strip()
        for inside in re.findall(r"\bby\s*\(([^)]*)\)", bare)
        for label in inside.split(",")
    }
    labels |= set(re.findall(r"label_values\([^,]*,\s*(\w+)\)", bare))
    rest = re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby\s*\([^)]*\)|,\s*\w+\)$", " ", bare)
    return set(re.findall(r"\b[a-z_]{2,}\b", rest)) - WORDS, labels


@pytest.mark.django_db
def test_each_expression_names_series_and_labels_that_a_scrape_has(
    live: dict[str, set[str]],
) -> None:
    wrong: list[tuple[str, ...]] = []
    for place, expression in expressions():
        names, labels = read(expression)
        wrong += [(place, name) for name in names if name not in live]
        wrong += [(place, name, *labels) for name in names & set(live) if not labels <= live[name]]
        assert names, place
    assert wrong == []


@pytest.mark.parametrize("expression", [expression for _, expression in expressions()])
def test_each_expression_is_balanced(expression: str) -> None:
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
    for opening, closing in ("()", "{}", "[]"):
        assert bare.count(opening) == bare.count(closing)
    assert '"' not in bare


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"\d+[mhd]", rule.get("for", "1m"))
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert [rule["annotations"][word].endswith(".") for word in ("summary", "description")] == [
        True,
        True,
    ]


@pytest.mark.django_db
def test_each_label_in_the_text_of_an_alert_is_one_of_its_series(live: dict[str, set[str]]) -> None:
    for rule in RULES:
        used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        names, _ = read(rule["expr"])
        assert [(rule["alert"], name) for name in names if not used <= live[name]] == []


def test_every_metric_of_the_contract_is_on_the_dashboard_or_in_an_alert() -> None:
    asked = {name for _, expression in expressions() for name in read(expression)[0]}
    assert asked >= {
        *("vbsdash_backups", "vbsdash_volumes", "vbsdash_cloud_up", "vbsdash_cloud_requests_total"),
        *("vbsdash_refresh_lag_seconds", "vbsdash_chain_size_bytes", "vbsdash_volume_protected"),
        *("vbsdash_volume_last_good_timestamp_seconds", "vbsdash_volume_never_backed_up"),
        *("vbsdash_volume_scheduled", "vbsdash_volumes_by_schedule", "vbsdash_runs_total"),
        *("vbsdash_policy_enabled", "vbsdash_cloud_service_ended"),
    }


def test_the_panels_lie_side_by_side_and_have_a_number_each() -> None:
    panels = DASHBOARD["panels"]
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert taken & cells == set()
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool here; the tests above parse the rules"
)
def test_promtool_takes_the_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(FOLDER / "alerts.yml")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
