"""Each form of text that people paste, and any rendering of any backups in the forms of the
clients.
"""

import argparse
import io
import json
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import prettytable
import pytest
import yaml
from cliff.formatters import commaseparated, json_format, shell, table, value, yaml_format
from hypothesis import given
from hypothesis import strategies as st

from backups.edits.pasted_ids import MOST_LEFT_OUT, read_each, read_ids
from backups.edits.pasted_pieces import TooMany
from backups.tests.edits.pasted_forms import FORMS, Form

LIST = [
    *("ID", "Name", "Description", "Status", "Size", "Incremental", "Created At"),
    *("Availability Zone", "Volume", "Container"),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_exactly_the_ids_of_backups_are_tracked(form: Form) -> None:
    lines = read_ids(form.text)
    tracked = [line.id for line in lines if line.id]
    left_out = {line.value: line.reason for line in lines if line.is_left_out}
    refused = [line.value for line in lines if line.id is None and not line.is_left_out]
    assert (tracked, left_out, refused) == (
        form.tracked,
        {other: f"left out: {kind}" for other, kind in form.left_out.items()},
        form.refused,
    )


def test_left_out_ids_are_named_once_and_then_counted() -> None:
    ids = [str(uuid.UUID(int=(9 << 80) + n)) for n in range(1, 51)]
    lines = read_ids("\n".join(f"volume: {one}" for one in [*ids, *ids]))
    assert all(line.is_left_out for line in lines)
    assert [line.value for line in lines] == [*ids[:MOST_LEFT_OUT], "30 more"]


def test_of_the_texts_of_a_script_one_without_a_backup_is_refused_with_what_it_holds() -> None:
    backup = str(uuid.UUID(int=5 << 90))
    volume = str(uuid.UUID(int=6 << 90))
    texts = [f"volume_id: {volume}", f"id: {backup}\nvolume_id: {volume}", "tuesday"]
    lines = read_each(texts)
    assert [(line.value, line.id, line.is_left_out) for line in lines] == [
        (texts[0], None, False),
        (backup, backup, False),
        ("tuesday", None, False),
    ]
    assert lines[0].reason == "left out: a disk's ID"


IDS = st.integers(1 << 100, (1 << 128) - (1 << 100)).map(lambda n: str(uuid.UUID(int=n)))
NAMES = st.sampled_from(
    ["nightly", "a db", "before upgrade", "x-1", "täglich", "None", "id", "2026"]
)
STATES = st.sampled_from(["available", "error", "creating"])


@st.composite
def backups(draw: st.DrawFn) -> dict[str, Any]:
    """Returns the fields that a client shows of a backup."""
    return {
        "availability_zone": "nova",
        "container": draw(st.sampled_from([None, "volumebackups"])),
        "created_at": "2026-11-01T02:00:00.000000",
        "description": draw(st.sampled_from([None, "made by cron", "a, b; c"])),
        "encryption_key_id": draw(st.none() | IDS),
        "fail_reason": None,
        "has_dependent_backups": draw(st.booleans()),
        "id": draw(IDS),
        "is_incremental": draw(st.booleans()),
        "metadata": {},
        "name": draw(NAMES),
        "object_count": 22,
        "project_id": draw(IDS).replace("-", ""),
        "size": draw(st.integers(1, 9000)),
        "snapshot_id": draw(st.none() | IDS),
        "status": draw(STATES),
        "updated_at": None,
        "user_id": draw(IDS).replace("-", ""),
        "volume_id": draw(IDS),
    }


def by_cliff(
    formatter: Any, columns: Sequence[str], data: Any, *, one: bool, **options: Any
) -> str:
    """Returns what the formatter of the real client prints."""
    parser = argparse.ArgumentParser()
    formatter.add_argument_group(parser)
    arguments = parser.parse_args([])
    for name, option in options.items():
        setattr(arguments, name, option)
    out = io.StringIO()
    emit = formatter.emit_one if one else formatter.emit_list
    emit(columns, data, out, arguments)
    return out.getvalue()


def row(backup: dict[str, Any]) -> list[Any]:
    fields = "id name description status size is_incremental created_at availability_zone"
    return [backup[name] for name in [*fields.split(), "volume_id", "container"]]


def listed(formatter: Any, **options: Any) -> Callable[[list[dict[str, Any]]], str]:
    def render(backups: list[dict[str, Any]]) -> str:
        rows = [row(backup) for backup in backups]
        return by_cliff(formatter, LIST, rows, one=False, **options)

    return render


def shown(formatter: Any, **options: Any) -> Callable[[list[dict[str, Any]]], str]:
    def render(backups: list[dict[str, Any]]) -> str:
        texts = []
        for backup in backups:
            text = by_cliff(formatter, list(backup), list(backup.values()), one=True, **options)
            texts.append(f"$ openstack volume backup show x\n{text}")
        return "\n".join(texts)

    return render


def drawn(style: prettytable.TableStyle) -> Callable[[list[dict[str, Any]]], str]:
    def render(backups: list[dict[str, Any]]) -> str:
        drawing = prettytable.PrettyTable(LIST)
        drawing.add_rows([row(backup) for backup in backups])
        drawing.set_style(style)
        return drawing.get_string()

    return render


def wrapped_json(backups: list[dict[str, Any]]) -> str:
    return json.dumps({"backups": backups}, indent=2)


def json_lines(backups: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps({"backup": backup}) for backup in backups)


def python(backups: list[dict[str, Any]]) -> str:
    return repr(backups)


def nested_yaml(backups: list[dict[str, Any]]) -> str:
    return yaml.safe_dump({"backups": backups})


def links(backups: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"https://vbs.example/v2/{backup['project_id']}/backups/{backup['id']}"
        for backup in backups
    )


def hcl(backups: list[dict[str, Any]]) -> str:
    blocks = []
    for number, backup in enumerate(backups):
        attributes = [
            f'  {key} = "{value}"' for key, value in backup.items() if isinstance(value, str)
        ]
        lines = [f'resource "opentelekomcloud_vbs_backup_v2" "b{number}" {{', *attributes, "}"]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


RENDERINGS = {
    "list as table": listed(table.TableFormatter()),
    "list as narrow table": listed(table.TableFormatter(), max_width=90),
    "list as JSON": listed(json_format.JSONFormatter()),
    "list as YAML": listed(yaml_format.YAMLFormatter()),
    "list as CSV": listed(commaseparated.CSVLister()),
    "list as values": listed(value.ValueFormatter()),
    "one as table": shown(table.TableFormatter()),
    "one as narrow table": shown(table.TableFormatter(), max_width=50),
    "one as JSON": shown(json_format.JSONFormatter()),
    "one as YAML": shown(yaml_format.YAMLFormatter()),
    "one as shell": shown(shell.ShellFormatter()),
    "one as shell with a prefix": shown(shell.ShellFormatter(), prefix="b_"),
    "Markdown": drawn(prettytable.TableStyle.MARKDOWN),
    "Unicode": drawn(prettytable.TableStyle.DOUBLE_BORDER),
    "columns": drawn(prettytable.TableStyle.PLAIN_COLUMNS),
    "org-mode": drawn(prettytable.TableStyle.ORGMODE),
    "wrapped JSON": wrapped_json,
    "JSON lines": json_lines,
    "Python": python,
    "nested YAML": nested_yaml,
    "links": links,
    "HCL": hcl,
}


@pytest.mark.parametrize("name", RENDERINGS)
@given(st.lists(backups(), min_size=1, max_size=5))
def test_in_any_form_exactly_the_backups_are_tracked(
    name: str, chosen: list[dict[str, Any]]
) -> None:
    lines = read_ids(RENDERINGS[name](chosen))
    tracked = [line.id for line in lines if line.id]
    refused = [line.value for line in lines if line.id is None and not line.is_left_out]
    assert (list(dict.fromkeys(tracked)), refused) == (
        list(dict.fromkeys(backup["id"] for backup in chosen)),
        [],
    )


@pytest.mark.parametrize("separator", [" ", ",", "\n", "\t", " ("])
def test_ten_thousand_ids_in_one_line_are_read_in_one_pass(separator: str) -> None:
    ids = [str(uuid.UUID(int=(7 << 100) + n)) for n in range(10_000)]
    assert [line.id for line in read_ids(separator.join(ids))] == ids


# What once took time by the square of its length: each of these took minutes.
LONG_TEXTS = {
    "rows that are no table": ("|" * 60 + "\n") * 10_000,
    "rows that may go on": "| a |\n" * 200_000,
    "JSON that ends early": '{"' * 500_000,
    "objects in lists": "[{" * 500_000,
    "titles of a terminal without an end": "\x1b]aaaaaa" * 100_000,
    "columns": "  ".join(["ID", *["NAME"] * 250]) + ("\n" + "  ".join(["x" * 8] * 300)) * 1_000,
    "brackets": "(" * 1_000_000,
}


@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=LONG_TEXTS)
def test_no_text_takes_time_by_the_square_of_its_length(text: str) -> None:
    began = time.process_time()
    with suppress(TooMany):
        read_ids(text)
    assert time.process_time() - began < 30
