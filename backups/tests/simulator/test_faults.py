"""Each fault of the simulator does on the wire what its name says."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from backups.simulator import KINDS, Fault, FaultError, Simulator, parse_fault
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(clock=lambda: NOW, backups=30) as running:
        yield running


def get(
    simulator: Simulator, path: str = "", *, token: str | None = None, **options: Any
) -> requests.Response:
    path = path or f"/backups/{simulator.seed_example_id}"
    headers = {"X-Auth-Token": token or simulator.issue_token(), "Connection": "close"}
    url = simulator.vbs_endpoint + path
    return requests.get(
        url, headers=headers, **({"timeout": LIMIT_S, "allow_redirects": False} | options)
    )


def page(simulator: Simulator, query: str) -> list[str]:
    return [entry["id"] for entry in get(simulator, f"/backups/detail?{query}").json()["backups"]]


def raw(simulator: Simulator, path: str) -> bytes:
    """All bytes that come back over one connection."""
    token = simulator.issue_token()
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=LIMIT_S) as connection:
        connection.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: x\r\n"
                f"X-Auth-Token: {token}\r\nConnection: close\r\n\r\n"
            ).encode()
        )
        return b"".join(iter(lambda: connection.recv(65536), b""))


def one_path(simulator: Simulator) -> str:
    return f"/v2/{simulator.project_id}/backups/{simulator.seed_example_id}"


def test_a_fault_happens_as_often_as_told_and_only_on_its_path(simulator: Simulator) -> None:
    simulator.fault(Fault("status", status=503, times=2, path=r"/backups/[0-9a-f]"))
    assert get(simulator, "/backups").status_code == 200
    assert [get(simulator).status_code for _ in range(3)] == [503, 503, 200]


def test_a_fault_without_times_lasts_until_it_is_cleared(simulator: Simulator) -> None:
    simulator.fault(Fault("status"))
    assert [get(simulator).status_code for _ in range(3)] == [500] * 3
    simulator.clear_faults()
    assert get(simulator).status_code == 200


def test_a_fault_with_a_probability_happens_now_and_then(simulator: Simulator) -> None:
    simulator.fault(Fault("status", status=500, probability=0.5))
    seen = [get(simulator).status_code for _ in range(40)]
    assert set(seen) == {200, 500}


def test_two_faults_take_turns(simulator: Simulator) -> None:
    simulator.fault(Fault("status", status=500, times=1))
    simulator.fault(Fault("status", status=429, times=1))
    assert [get(simulator).status_code for _ in range(3)] == [500, 429, 200]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (7, "7"),
        ("7", "7"),
        ("date+90", "Mon, 23 Nov 2026 12:01:30 GMT"),
        ("soon", "soon"),
        (None, "1"),
    ],
)
def test_retry_after_comes_as_seconds_as_a_date_or_as_nonsense(
    simulator: Simulator, given: Any, expected: str
) -> None:
    simulator.fault(Fault("retry_after", retry_after=given))
    answer = get(simulator)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, expected)


def test_a_slow_body_drips(simulator: Simulator) -> None:
    simulator.fault(Fault("slow_body", seconds=1))
    began = time.monotonic()
    answer = get(simulator)
    assert time.monotonic() - began >= 0.9  # the pause after the last drop is not waited for
    assert answer.json()["backup"]["id"] == simulator.seed_example_id


def test_a_slow_head_drips(simulator: Simulator) -> None:
    simulator.fault(Fault("slow_header", seconds=0.4))
    began = time.monotonic()
    answer = get(simulator, stream=True)
    assert time.monotonic() - began > 0.35
    assert answer.json()["backup"]["id"] == simulator.seed_example_id


def test_a_hanging_request_gets_nothing_and_the_end_does_not_wait_for_it() -> None:
    with Simulator() as simulator:
        simulator.fault(Fault("hang"))
        with pytest.raises(requests.ReadTimeout):
            get(simulator, timeout=0.2)
    assert [record.status for record in simulator.requests] == [None]


def test_a_reset_is_a_real_one(simulator: Simulator) -> None:
    simulator.fault(Fault("reset", times=1))
    with pytest.raises(ConnectionResetError):
        raw(simulator, one_path(simulator))
    assert b" 200 OK" in raw(simulator, one_path(simulator))
    assert [record.status for record in simulator.requests] == [None, 200]


def test_a_truncated_body_is_shorter_than_promised(simulator: Simulator) -> None:
    simulator.fault(Fault("truncated"))
    head, _, body = raw(simulator, one_path(simulator)).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body) + 1000}".encode() in head


def test_a_huge_body_streams_to_its_end(simulator: Simulator) -> None:
    simulator.fault(Fault("huge", size=3_000_000))
    answer = get(simulator)
    assert (len(answer.content), answer.headers["Transfer-Encoding"]) == (3_000_000, "chunked")
    assert list(answer.json()["backup"]) == ["padding"]


def test_who_leaves_in_the_middle_of_a_huge_body_harms_nobody(simulator: Simulator) -> None:
    simulator.fault(Fault("huge", times=1))
    get(simulator, stream=True).close()
    assert get(simulator).status_code == 200
    wait_until(lambda: len(simulator.requests) == 2)
    assert {record.status for record in simulator.requests} == {None, 200}


def test_bodies_are_made_bad_as_told(simulator: Simulator) -> None:
    seen = {}
    for kind in (
        "wrong_content_type",
        "html",
        "empty",
        "deep",
        "not_json",
        "duplicate_keys",
        "wrong_envelope",
    ):
        simulator.fault(Fault(kind, times=1))
        seen[kind] = get(simulator)
    assert {answer.status_code for answer in seen.values()} == {200}
    good = get(simulator).json()
    assert (
        seen["wrong_content_type"].headers["Content-Type"],
        seen["wrong_content_type"].json(),
    ) == (
        "text/plain",
        good,
    )
    assert (seen["html"].headers["Content-Type"], seen["html"].text[:6]) == ("text/html", "<html>")
    assert (seen["empty"].content, seen["not_json"].text) == (b"", "this is not JSON")
    with pytest.raises(RecursionError):
        json.loads(seen["deep"].text)
    pairs = json.loads(seen["duplicate_keys"].text, object_pairs_hook=list)
    assert [key for key, _ in pairs] == ["backup", "backup"]
    assert seen["duplicate_keys"].json() == good
    assert seen["wrong_envelope"].json() == {"shared": good["backup"]}


def test_html_may_call_itself_json(simulator: Simulator) -> None:
    simulator.fault(Fault("status", status=502, body="html", content_type="application/json"))
    simulator.fault(Fault("html", content_type="application/json"))
    assert get(simulator).text.startswith("<html>")
    simulator.clear_faults()
    simulator.fault(Fault("html", content_type="application/json"))
    assert (get(simulator).headers["Content-Type"], get(simulator).text[:6]) == (
        "application/json",
        "<html>",
    )


def test_a_redirect_leads_to_another_host(simulator: Simulator) -> None:
    with Simulator() as other:
        simulator.fault(Fault("redirect", url=other.url))
        answer = get(simulator)
        assert (answer.status_code, answer.headers["Location"]) == (
            302,
            other.url + one_path(simulator),
        )
        assert other.requests == []
        assert get(simulator, allow_redirects=True).url.startswith(other.url)
        assert [(record.path, record.token_sent) for record in other.requests] == [
            (one_path(simulator), True)
        ]


def test_an_expired_token_is_refused_until_there_is_a_new_one(simulator: Simulator) -> None:
    old = simulator.issue_token()
    simulator.fault(Fault("expired_token"))
    assert [get(simulator, token=old).status_code for _ in range(2)] == [401, 401]
    assert get(simulator).status_code == 200


def test_a_refused_sign_in_leaves_issued_tokens_alone(simulator: Simulator) -> None:
    simulator.fault(Fault("refused_sign_in", times=1))
    auth = {"auth": {"identity": {"methods": ["token"], "token": {"id": simulator.issue_token()}}}}
    assert get(simulator).status_code == 200
    answers = [
        requests.post(f"{simulator.auth_url}/auth/tokens", json=auth, timeout=LIMIT_S).status_code
        for _ in range(2)
    ]
    assert answers == [401, 201]


@pytest.mark.parametrize(("rows", "seen_twice", "missed"), [(1, 2, 2), (-1, 0, 2)])
def test_rows_shift_between_pages(
    simulator: Simulator, rows: int, seen_twice: int, missed: int
) -> None:
    ids = page(simulator, "limit=1000")
    simulator.fault(Fault("shift", rows=rows))
    pages = [page(simulator, f"limit=10&offset={offset}") for offset in (0, 10, 20)]
    flat = [backup_id for ids_of_page in pages for backup_id in ids_of_page]
    assert len(flat) - len(set(flat)) == seen_twice
    assert len(set(ids[:30]) - set(flat)) == missed


def test_endless_pages_repeat_the_first_one(simulator: Simulator) -> None:
    first = page(simulator, "limit=10")
    simulator.fault(Fault("endless"))
    answers = [
        get(simulator, f"/backups/detail?limit=10&offset={offset}").json()
        for offset in (0, 10, 10_000)
    ]
    assert [[entry["id"] for entry in answer["backups"]] for answer in answers] == [first] * 3
    assert {answer["backups_links"][0]["rel"] for answer in answers} == {"next"}


def test_list_entries_may_lack_what_the_single_call_has(simulator: Simulator) -> None:
    simulator.fault(Fault("list_lacks_keys"))
    entry = get(simulator, "/backups/detail?limit=1").json()["backups"][0]
    whole = get(simulator, f"/backups/{entry['id']}").json()["backup"]
    assert whole.keys() - entry.keys() == {"service_metadata", "os-bak-tenant-attr:tenant_id"}


def test_a_poisoned_entry_has_good_neighbours(simulator: Simulator) -> None:
    ids = page(simulator, "limit=3")
    simulator.fault(Fault("poison"))
    assert page(simulator, "limit=3") == [None, *ids[1:]]


def test_faults_of_lists_add_up(simulator: Simulator) -> None:
    simulator.fault(Fault("poison", times=1))
    simulator.fault(Fault("list_lacks_keys", times=1))
    entries = get(simulator, "/backups/detail?limit=2").json()["backups"]
    assert (entries[0]["id"], "service_metadata" in entries[1]) == (None, False)


def test_requests_in_flight_are_counted_by_backup() -> None:
    with ThreadPoolExecutor(3) as threads, Simulator(backups=3) as simulator:
        other = next(
            backup_id for backup_id in simulator.ids if backup_id != simulator.seed_example_id
        )
        simulator.fault(Fault("hang", times=3))
        for backup_id in (simulator.seed_example_id, simulator.seed_example_id, other):
            threads.submit(get, simulator, f"/backups/{backup_id}")
        wait_until(lambda: simulator.max_in_flight == 3)
        assert simulator.max_in_flight_per_backup == 2
        assert dict(simulator.max_in_flight_of) == {simulator.seed_example_id: 2, other: 1}


def test_requests_one_after_the_other_are_never_in_flight_together() -> None:
    with Simulator(backups=3) as simulator:
        other = next(
            backup_id for backup_id in simulator.ids if backup_id != simulator.seed_example_id
        )
        get(simulator)
        simulator.forget_requests()
        get(simulator, f"/backups/{other}")
        assert (
            simulator.max_in_flight,
            simulator.max_in_flight_per_backup,
            simulator.request_count,
        ) == (1, 1, 1)


def test_one_connection_serves_many_requests(simulator: Simulator) -> None:
    with requests.Session() as session:
        session.headers["X-Auth-Token"] = simulator.issue_token()
        for _ in range(50):
            session.get(
                f"{simulator.vbs_endpoint}/backups/{simulator.seed_example_id}", timeout=LIMIT_S
            )
        assert (
            len([thread for thread in threading.enumerate() if "process_request" in thread.name])
            == 1
        )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hang", Fault("hang")),
        ("kind=reset,probability=0.1", Fault("reset", probability=0.1)),
        ("status=429,retry_after=7,times=3", Fault("status", status=429, retry_after="7", times=3)),
        ("retry_after=date+5", Fault("retry_after", retry_after="date+5")),
        (
            "status=404,body=apigw,path=/backups/",
            Fault("status", status=404, body="apigw", path="/backups/"),
        ),
        ("redirect, url=http://192.0.2.1", Fault("redirect", url="http://192.0.2.1")),
    ],
)
def test_a_fault_can_be_written_as_text(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", f"Unknown fault ''; known are: {', '.join(KINDS)}."),
        ("bogus", f"Unknown fault 'bogus'; known are: {', '.join(KINDS)}."),
        ("status=many", "The value 'many' of status is no number."),
        ("status=1000", "A status lies between 100 and 599, not at 1000."),
        ("hang,probability=2", "A probability lies between 0 and 1, not at 2.0."),
        ("redirect", "A redirect needs url=, the address it leads to."),
        ("hang,times=0", "A fault happens at least once; times=0 makes no sense."),
        (
            "hang,path=(",
            "The path '(' is no regular expression: missing ), unterminated subpattern at "
            "position 0.",
        ),
    ],
)
def test_a_senseless_fault_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(FaultError) as problem:
        parse_fault(text)
    assert str(problem.value) == sentence


def test_an_unknown_word_of_a_fault_names_the_known_ones() -> None:
    with pytest.raises(
        FaultError, match=r"Unknown word 'tmes' .*; words are: body, .*; kinds are: status, "
    ):
        parse_fault("hang,tmes=1")
    with pytest.raises(FaultError, match="Unknown body form 'x'; known are: cinder, "):
        Fault("status", body="x")


def test_it_listens_where_it_is_told_to_and_records_who_asked() -> None:
    with Simulator(host="127.0.0.2") as simulator:
        requests.get(f"http://127.0.0.2:{simulator.port}/v2", timeout=LIMIT_S)
        (request,) = simulator.requests
    assert simulator.url == f"http://127.0.0.2:{simulator.port}"
    assert request.client.startswith("127.0.0.")
