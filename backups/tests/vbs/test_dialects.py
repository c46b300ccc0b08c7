"""Which dialect a cloud is spoken to in, and what the client then asks, over real HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from backups.tests.vbs.test_client import (
    ID,
    NOW,
    PROJECT,
    Cloud,
    cloud,
    config,
    entries_of,
    keystone_config,
)
from backups.vbs import dialects
from backups.vbs.client import Client
from backups.vbs.cloud_config import BlockStorage, CloudConfig
from backups.vbs.dialect_openstack import CINDER
from backups.vbs.errors import Gone, Rejected, VBSError, WrongAddress
from backups.vbs.policies import TaskState

__all__ = ["cloud"]  # The fixture of all tests here.
EVERY_TYPE = ("volumev3", "cbr", "vbs", "vbsv2", "block-storage")


@contextmanager
def opened(setting: CloudConfig, family: str | None = None) -> Iterator[Client]:
    one = Client(setting, clock=lambda: NOW, family=lambda: family)
    try:
        yield one
    finally:
        one.close()


def offer(cloud: Cloud, *types: str) -> None:
    """Puts services into the catalog, each at a path of its own name, of VBS alone with version
    and project.
    """
    cloud.catalog = []
    for name in types:
        path = f"/{name}/v2/{PROJECT}" if name.startswith("vbs") else f"/{name}"
        endpoints = [{"interface": "public", "region": "r", "url": cloud.url + path}]
        cloud.catalog.append({"type": name, "endpoints": endpoints})


def cbr_config(url: str) -> CloudConfig:
    return replace(config(url), api="cbr", vbs_endpoint_override=f"{url}/v3")


def answering(body: object, status: int = 200) -> Any:
    return lambda path: (status, json.dumps(body).encode(), {})


@pytest.mark.parametrize(
    ("api", "family", "offered", "expected"),
    [
        ("auto", None, EVERY_TYPE, ("vbs", f"/vbsv2/v2/{PROJECT}")),
        ("auto", None, ("cbr", "volumev3"), ("cinder", f"/volumev3/v3/{PROJECT}")),
        ("auto", None, ("cbr",), ("cbr", f"/cbr/v3/{PROJECT}")),
        ("auto", "cbr", EVERY_TYPE, ("cbr", f"/cbr/v3/{PROJECT}")),
        ("auto", "cinder", EVERY_TYPE, ("cinder", f"/volumev3/v3/{PROJECT}")),
        ("auto", "vbs", ("cbr", "vbs"), ("vbs", f"/vbs/v2/{PROJECT}")),
        ("auto", "vbs", ("cbr", "volumev3"), None),
        ("auto", "cbr", ("vbsv2", "volumev3"), None),
        ("cbr", None, EVERY_TYPE, ("cbr", f"/cbr/v3/{PROJECT}")),
        ("cbr", None, ("vbsv2", "volumev3"), None),
        ("vbs", None, ("cbr", "volumev3"), ("vbs", f"/volumev3/v3/{PROJECT}")),
        ("vbs", None, ("cbr",), None),
        ("cinder", None, ("cbr",), None),
        # A family is kept by `auto` alone: a person may set another.
        ("cbr", "vbs", EVERY_TYPE, ("cbr", f"/cbr/v3/{PROJECT}")),
    ],
)
def test_setting_catalog_and_family_choose_the_dialect(
    cloud: Cloud,
    api: str,
    family: str | None,
    offered: tuple[str, ...],
    expected: tuple[str, str] | None,
) -> None:
    offer(cloud, *offered)
    setting = replace(keystone_config(cloud.url), api=api)
    with opened(setting, family) as one:
        if expected is None:
            with pytest.raises(WrongAddress):
                _ = one.dialect
        else:
            assert (one.dialect.name, urlsplit(one.endpoint).path) == expected


def test_what_is_said_of_cinders_service_is_said_of_no_other(cloud: Cloud) -> None:
    offer(cloud, "cbr")
    of_cinder = BlockStorage(endpoint_override=f"{cloud.url}/v3", types=("volume",))
    setting = replace(keystone_config(cloud.url), block_storage=of_cinder)
    for api, family in [("cbr", None), ("auto", "cbr")]:
        with opened(replace(setting, api=api), family) as one:
            assert (one.dialect.name, one.endpoint_type) == ("cbr", "cbr")
    with opened(setting) as one:
        assert (one.dialect, one.endpoint_type) == (CINDER, None)


def test_an_override_is_spoken_to_as_it_is_set(cloud: Cloud) -> None:
    for api, version, expected in [
        ("auto", "v2", "vbs"),
        ("auto", "v3", "cinder"),
        ("cbr", "v3", "cbr"),
    ]:
        setting = replace(
            config(cloud.url), api=api, vbs_endpoint_override=f"{cloud.url}/{version}"
        )
        with opened(setting) as one:
            assert one.dialect.name == expected
    with opened(replace(config(cloud.url), vbs_endpoint_override=f"{cloud.url}/v3"), "cbr") as one:
        assert one.dialect.name == "cbr"


def test_a_backup_of_cbr_is_asked_for_without_a_microversion(cloud: Cloud) -> None:
    with opened(cbr_config(cloud.url)) as one:
        assert one.get_backup(ID).backup["id"] == ID
        [(path, headers)] = cloud.requests
    assert path == f"/v3/{PROJECT}/backups/{ID}"
    assert "openstack-api-version" not in {name.lower() for name in headers}


def test_the_list_of_cbr_is_sorted_and_filtered_in_its_own_words(cloud: Cloud) -> None:
    cloud.reply = answering({"backups": [], "count": 0})
    with opened(cbr_config(cloud.url)) as one:
        one.list_backups(limit=10, sort_dir="desc", volume_id="a-disk", status="error")
        one.list_backups(limit=10, offset=30)
    first, second = [dict(parse_qsl(urlsplit(path).query)) for path, _ in cloud.requests]
    assert urlsplit(cloud.requests[0][0]).path == f"/v3/{PROJECT}/backups"
    assert first == {
        "limit": "10",
        "sort": "created_at:desc",
        "resource_id": "a-disk",
        "status": "error",
    }
    assert second == {"limit": "10", "offset": "30", "sort": "created_at:asc"}


@pytest.mark.parametrize("count", ["total", "page", "wrong"])
def test_the_whole_list_of_cbr_comes_by_own_offset(cloud: Cloud, count: str) -> None:
    entries = [{"id": f"{n:08d}-0000-4000-8000-000000000001"} for n in range(25)]

    def reply(path: str) -> tuple[int, bytes, dict[str, str]]:
        query = dict(parse_qsl(urlsplit(path).query))
        begin = int(query.get("offset", 0))
        page = entries[begin : begin + int(query["limit"])]
        total = {"total": len(entries), "page": len(page), "wrong": 50}[count]
        # A link would lead elsewhere.
        body = {"backups": page, "count": total, "links": [{"rel": "next", "href": "/never"}]}
        return 200, json.dumps(body).encode(), {}

    cloud.reply = reply
    with opened(cbr_config(cloud.url)) as one:
        walk = one.walk_backups(10)
        assert entries_of(walk) == entries
    assert walk.complete
    assert all("/never" not in path for path, _ in cloud.requests)


@pytest.mark.parametrize(
    ("status", "code", "error_class"),
    [
        (404, "BackupService.6200", Gone),
        (404, "BackupService.6105", Rejected),
        (404, "APIG.0101", WrongAddress),
        (404, None, WrongAddress),
        (403, "BackupService.9900", Rejected),
        (400, "BackupService.6200", Rejected),
    ],
)
def test_codes_of_cbr_tell_a_missing_backup_from_a_wrong_address(
    cloud: Cloud, status: int, code: str | None, error_class: type[VBSError]
) -> None:
    body = {"error_code": code, "error_msg": "It does not exist."} if code else {}
    cloud.reply = answering(body, status)
    with opened(cbr_config(cloud.url)) as one, pytest.raises(error_class) as caught:
        one.get_backup(ID)
    assert caught.value.code == code


def test_a_code_of_cbr_says_nothing_in_another_dialect(cloud: Cloud) -> None:
    cloud.reply = answering({"error_code": "BackupService.6200", "error_msg": "gone"}, 404)
    with opened(config(cloud.url)) as one, pytest.raises(WrongAddress):
        one.get_backup(ID)


def test_policies_and_tasks_are_asked_for_in_the_dialect(cloud: Cloud) -> None:
    def reply(path: str) -> tuple[int, bytes, dict[str, str]]:
        task = {"job_id": "1", "status": "SKIP", "created_at": "2026-11-23T01:00:00"}
        log = {"id": "1", "status": "timeout", "created_at": "2026-11-23T01:00:00"}
        policy = {"id": "p", "backup_policy_id": "p"}
        body = {
            "backup_policies": [policy],
            "policies": [policy],
            "vaults": [],
            "tasks": [task],
            "operation_logs": [log],
        }
        return 200, json.dumps(body).encode(), {}

    cloud.reply = reply
    since = datetime(2026, 11, 23, tzinfo=UTC)
    with opened(config(cloud.url)) as one:
        assert one.dialect.has_policies
        assert [policy.id for policy in one.read_policies().policies] == ["p"]
        assert [task.state for task in one.read_tasks("p", since).tasks] == [TaskState.SKIPPED]
    asked = [urlsplit(path).path for path, _ in cloud.requests]
    assert asked == [f"/v2/{PROJECT}/backuppolicy", f"/v2/{PROJECT}/backuppolicy/p/backuptasks"]
    with opened(cbr_config(cloud.url)) as one:
        assert (one.read_policies().vaults, one.dialect.has_quota) == ((), False)
        assert [task.state for task in one.read_tasks("p", since).tasks] == [TaskState.TIMED_OUT]
    assert not CINDER.has_policies


def test_each_dialect_is_found_by_its_catalog_types() -> None:
    for name, dialect in dialects.DIALECTS.items():
        assert dialect.name == name
        assert {dialects.of_catalog_type(t) for t in dialect.catalog_types} == {dialect}
    assert dialects.of_catalog_type("evs") is None
