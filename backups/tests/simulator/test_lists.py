"""The simulator's list calls: paging in both flawed generations, filters,
volumes, quota (`backups/vbs/API.md` §6).
"""

from collections.abc import Iterator

import pytest

from backups.tests.simulator.test_documents import VOLUME, Asker, asking, body, options


@pytest.fixture(params=[{}])
def ask(request: pytest.FixtureRequest) -> Iterator[Asker]:
    with asking(**request.param) as asker:
        yield asker


def fill(ask: Asker, count: int) -> list[str]:
    """Add backups of the days 1 to `count`; their IDs, newest first, in the order of the list."""
    return [ask.simulator.add(body(number)) for number in range(1, count + 1)][::-1]


def test_pages_are_cut_by_offset_and_limit_and_the_summary_is_short(ask: Asker) -> None:
    ids = [*fill(ask, 4), ask.simulator.seed_example_id]
    assert ask.ids("limit=2") == ids[:2]
    assert ask.ids("limit=2&offset=3") == ids[3:]
    assert ask.ids("limit=2&offset=7") == []
    assert ask.ids("limit=0") == []
    assert ask.ids("sort_key=created_at&sort_dir=asc") == ids[::-1]
    assert {tuple(entry) for entry in ask.get("/backups").json()["backups"]} == {
        ("id",),
        ("id", "name", "links"),
    }


def test_filters_are_exact(ask: Asker) -> None:
    one = ask.simulator.add(body(1, name="a", status="available"))
    two = ask.simulator.add(body(2, name="ab", status="error") | {"volume_id": "other"})
    assert ask.ids("name=a") == [one]
    assert ask.ids("status=error&volume_id=other") == [two]
    assert ask.ids("sort_key=name&sort_dir=asc") == [ask.simulator.seed_example_id, one, two]
    assert ask.ids("sort_key=size&limit=1") == [ask.simulator.seed_example_id]


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=x",
        "offset=-1",
        "offset=x",
        f"offset={10**30}",
        "sort_key=x",
        "sort_dir=x",
    ],
)
def test_a_senseless_query_is_a_bad_request(ask: Asker, query: str) -> None:
    answer = ask.get(f"/backups/detail?{query}")
    assert (answer.status_code, answer.json()["badRequest"]["code"]) == (400, 400)


@options(backups=1100)
def test_a_page_never_has_more_than_a_thousand(ask: Asker) -> None:
    everything = ask.get("/backups/detail").json()
    assert (len(everything["backups"]), everything["backups_links"][0]["rel"]) == (1000, "next")
    assert len(ask.ids("limit=5000")) == 1000
    assert len(ask.ids("limit=5000&offset=1000")) == 101


@options(paging="offset")
def test_the_old_generation_ignores_the_marker_so_that_its_link_repeats_the_page(
    ask: Asker,
) -> None:
    ids = fill(ask, 4)
    first = ask.get("/backups/detail?limit=2&offset=1").json()
    query = f"limit=2&offset=1&marker={ids[2]}"
    href = f"http://192.0.2.22:8776/{ask.simulator.project_id}/backups?{query}"
    assert first["backups_links"] == [{"href": href, "rel": "next"}]
    assert ask.ids(query) == ids[1:3]


@options(paging="marker")
def test_the_new_generation_copies_the_offset_so_that_its_link_skips_rows(ask: Asker) -> None:
    ids = fill(ask, 6)
    first = ask.get("/backups/detail?limit=2&offset=1").json()
    query = f"limit=2&offset=1&marker={ids[2]}"
    assert first["backups_links"][0]["href"].endswith(f"/backups?{query}")
    assert ask.ids(query) == ids[4:6]
    assert ask.ids(f"limit=2&marker={ids[2]}") == ids[3:5]


@pytest.mark.parametrize("ask", [{"paging": "marker"}, {"paging": "offset"}], indirect=True)
def test_a_full_last_page_names_a_next_one_that_is_empty(ask: Asker) -> None:
    fill(ask, 3)
    last = ask.get("/backups/detail?limit=2&offset=2").json()
    assert (len(last["backups"]), "backups_links" in last) == (2, True)
    assert ask.get("/backups/detail?limit=2&offset=4").json() == {"backups": []}
    assert "backups_links" not in ask.get("/backups/detail?limit=2&offset=3").json()


@options(backups=300)
def test_the_volume_list_names_disks_by_pages(ask: Asker) -> None:
    base = ask.simulator.volume_endpoint
    volumes = ask.get("/volumes/detail", base=base).json()["volumes"]
    paged = [
        ask.get(f"/volumes/detail?limit=10&offset={at}", base=base).json()
        for at in range(0, len(volumes), 10)
    ]
    assert [volume for page in paged for volume in page["volumes"]] == volumes
    assert "&marker=" in paged[0]["volumes_links"][0]["href"]
    assert {"db-prod-02-data", "jump-host-root"} <= {volume["name"] for volume in volumes}


def test_a_volume_can_be_put_in_and_taken_out(ask: Asker) -> None:
    ask.simulator.add_volume({"id": VOLUME, "name": "mine"})
    assert ask.get("/volumes/detail", base=ask.simulator.volume_endpoint).json() == {
        "volumes": [{"id": VOLUME, "name": "mine"}]
    }
    ask.simulator.remove_volume(VOLUME)
    assert ask.get("/volumes/detail", base=ask.simulator.volume_endpoint).json() == {"volumes": []}


@options(volumes_allowed=False, quota_allowed=False)
def test_what_the_cloud_does_not_allow_is_forbidden(ask: Asker) -> None:
    assert "forbidden" in ask.get("/volumes/detail", base=ask.simulator.volume_endpoint).json()
    assert "forbidden" in ask.get("/cloudbackups/quota").json()


@options(backups=10)
def test_the_quota_counts_backups_and_gigabytes(ask: Asker) -> None:
    gigabytes = sum(entry["size"] for entry in ask.get("/backups/detail").json()["backups"])
    resources = ask.get("/cloudbackups/quota").json()["quotas"]["resources"]
    assert [(one["type"], one["used"]) for one in resources] == [
        ("backups", 11),
        ("backup_ gigabytes", gigabytes),
    ]
