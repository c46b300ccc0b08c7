import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backups.clouds import registry
from backups.edits import tracking
from backups.models import Backup, Cloud
from backups.refresh import single_gets
from backups.simulator import Fault, Simulator
from backups.tests.accounts import make_operator
from backups.tests.otc import make_due, running, sign_ins, track
from backups.vbs.clouds import load_clouds

pytestmark = [pytest.mark.either, pytest.mark.django_db]
DEAD = {
    "auth_url": "http://127.0.0.1:1/v3",
    "username": "u",
    "password": "hunter2",
    "user_domain_name": "d",
    "project_id": "p",
}


@pytest.fixture(autouse=True)
def sim(settings: Any, tmp_path: Any) -> Iterator[Simulator]:
    """`otc` answers, `dead` refuses every connection."""
    with Simulator(clock=timezone.now) as running:
        file = tmp_path / "clouds.yaml"
        file.write_text(
            json.dumps({"clouds": {"otc": running.cloud_entry(), "dead": {"auth": DEAD}}})
        )
        settings.CLOUDS = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=tmp_path, home=tmp_path
        )
        registry.ensure_rows()
        yield running
        registry.forget_clients()


@pytest.fixture
def web(client: Client) -> Client:
    client.force_login(make_operator("operator"))
    return client


def steps(html: str, cloud: str) -> list[str]:
    """The looks of a cloud's connection test, in order; empty when none was made."""
    found = re.search(rf'id="test-{cloud}".*?</ol>', html, re.DOTALL)
    return re.findall(r'<svg class="g is-(\w+)"', found[0]) if found else []


def test_pressing_the_button_shows_each_step_until_the_next_press(web: Client) -> None:
    answer = web.post("/clouds/otc/test/")
    assert (answer.status_code, answer["Location"]) == (302, "/clouds/#test-otc")
    for _ in range(2):
        page = web.get("/clouds/").content.decode()
        assert (steps(page, "otc"), steps(page, "dead")) == (["ok"] * 6, [])


def test_the_step_that_fails_is_named_with_what_to_do(web: Client) -> None:
    web.post("/clouds/dead/test/")
    page = web.get("/clouds/").content.decode()
    assert steps(page, "dead") == ["ok", "fail", "mute", "mute", "mute", "mute"]
    assert "127.0.0.1:1 refuses the connection." in page
    assert "<b>Next:</b> Check the port in clouds.yaml" in page
    assert "hunter2" not in page


def test_the_clouds_own_id_of_a_failed_call_is_on_the_pages_in_the_api_and_in_the_log(
    sim: Simulator, web: Client, caplog: pytest.LogCaptureFixture
) -> None:
    track(sim.ids)
    sim.fault(Fault("status", status=403, body="apigw", path=sim.ids[0]))
    single_gets.refresh_due("otc")
    refused = web.get(f"/api/backups/{sim.ids[0]}/").json()["error"]["request_id"]
    assert refused in web.get(f"/backups/{sim.ids[0]}/").content.decode()
    sim.clear_faults()
    sim.fault(Fault("status", status=503))
    make_due()
    single_gets.refresh_due("otc")
    states = web.get("/api/clouds/").json()
    failed = next(state["error"] for state in states if state["name"] == "otc")["request_id"]
    assert failed in web.get("/clouds/").content.decode()
    assert [record.message for record in caplog.records if failed in record.message] == [
        f"otc: Service cinder-backup could not be found (request {failed})."
    ]
    web.post("/clouds/otc/test/")
    asked = re.findall(
        r"\(HTTP 503, request (req-[0-9a-f-]{36})\)", web.get("/clouds/").content.decode()
    )
    assert len(asked) == 1
    assert len({refused, failed, *asked}) == 3


def test_what_api_a_cloud_has_is_left_open_until_it_answers(web: Client) -> None:
    page = web.get("/clouds/").content.decode()
    assert page.count("Not known before the first answer.") == 2
    assert "Cinder" not in page
    Cloud.objects.filter(pk="otc").update(last_good_at=timezone.now(), seen_vbs=True)
    page = " ".join(web.get("/clouds/").content.decode().split())
    assert (page.count("· VBS"), page.count("Not known before the first answer.")) == (1, 1)


def test_a_test_needs_a_press_and_a_configured_cloud(web: Client, client: Client) -> None:
    assert web.get("/clouds/otc/test/").status_code == 405
    assert web.post("/clouds/nowhere/test/").status_code == 404
    client.logout()
    assert client.post("/clouds/otc/test/")["Location"].startswith("/accounts/login/")


def ask(sim: Simulator, *, host: str) -> str:
    """Track a backup whose links lead to `host`, and have it fetched; its ID."""
    name = str(uuid.UUID(int=7))
    body = {"id": name, "links": [{"rel": "self", "href": f"{host}/v2/p/backups/7"}]}
    sim.add(body)
    tracking.add(cloud="otc", values=[name], now=timezone.now())
    single_gets.refresh_due("otc")
    return name


def fact(page: str, name: str) -> str:
    """The first fact of this name, as words."""
    told = re.search(rf"<dt>{name}</dt>\s*<dd>(.*?)</dd>", page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", told[1]).split()) if told else ""


def test_the_links_of_a_backup_lead_to_the_endpoint_that_the_catalog_named(
    sim: Simulator, web: Client
) -> None:
    page = web.get(f"/backups/{ask(sim, host=sim.url)}/").content.decode()
    assert re.findall(r'<a class="id"[^>]*href="([^"]*)"', page) == [f"{sim.url}/v2/p/backups/7"]
    Cloud.objects.update(endpoint="https://elsewhere.example/v2/p")
    page = web.get(f"/backups/{Backup.objects.get().pk}/").content.decode()
    assert re.findall(r'<a class="id"[^>]*href="([^"]*)"', page) == []


def test_a_cloud_says_where_it_is_asked_until_when_it_is_signed_in_and_how_its_breaker_stands(
    sim: Simulator, web: Client
) -> None:
    ask(sim, host=sim.url)
    page = web.get("/clouds/").content.decode().split('id="c-otc"')[1]
    assert fact(page, "Endpoint").startswith(f"{sim.url}/v2/")
    assert re.match(r"token ends in 2[34] h", fact(page, "Sign-in"))
    assert fact(page, "Pauses") == "none"
    assert re.match(r"asks at most \d+ times a second; \d+ of \d+ used", fact(page, "Budget"))
    now = timezone.now()
    later = now + timedelta(seconds=30)
    Cloud.objects.filter(pk="otc").update(
        paused_until=later,
        pause_reason="breaker",
        failures=5,
        breaker_openings=1,
        token_expires_at=now,
    )
    page = web.get("/clouds/").content.decode().split('id="c-otc"')[1]
    assert fact(page, "Pauses") == (
        f"pauses until today {later:%H:%M} ( in 30 s ), because 5 calls in a row failed; one call "
        "at a time tries whether it is back"
    )
    assert fact(page, "Sign-in").split(" ago")[1] == " the next call signs in"
    Cloud.objects.filter(pk="otc").update(paused_until=now)
    page = web.get("/clouds/").content.decode().split('id="c-otc"')[1]
    assert fact(page, "Pauses").startswith("tries because 5 calls in a row failed;")


def test_a_poll_with_nothing_new_renders_nothing(sim: Simulator, web: Client) -> None:
    ask(sim, host=sim.url)
    [tag] = re.findall(r'data-etag="([^"]*)"', web.get("/clouds/").content.decode())
    poll = {"HX-Request": "true", "If-None-Match": f'"{tag}"'}
    assert web.get("/clouds/", headers=poll).status_code == 304
    Backup.objects.update(next_refresh_at=timezone.now() - timedelta(minutes=5))
    assert web.get("/clouds/", headers=poll).status_code == 200


@pytest.mark.parametrize(
    ("ahead", "sentence"),
    [
        (timedelta(seconds=50), None),
        (timedelta(seconds=-50), None),
        (timedelta(minutes=5), "The clock of vbsdash is 5 min ahead of this cloud’s"),
        (timedelta(hours=-2), "The clock of vbsdash is 2 h behind this cloud’s"),
    ],
)
def test_clocks_that_differ_are_said_and_cost_no_sign_in_a_call(
    settings: Any, tmp_path: Any, client: Client, ahead: timedelta, sentence: str | None
) -> None:
    """The cloud's time is another one than ours; its tokens live for a day by its own clock."""
    with running(settings, tmp_path, clock=lambda: timezone.now() - ahead, backups=10) as sim:
        track(sim.ids)
        single_gets.refresh_due("otc")
        for _ in range(3):
            make_due()
            single_gets.refresh_due("otc")
        assert sign_ins(sim) == 1
    client.force_login(make_operator("operator"))
    page = unescape(client.get("/clouds/").content.decode()).replace("'", "’")
    assert ("The clock of vbsdash is" in page) is (sentence is not None)
    assert sentence is None or sentence in page
    assert client.get("/api/clouds/").json()[-1]["clock_ahead_seconds"] == ahead.total_seconds()


def test_what_has_no_effect_in_clouds_yaml_is_said_on_the_page_in_the_api_and_at_the_start(
    settings: Any, tmp_path: Any, web: Client, sim: Simulator
) -> None:
    from backups.management.commands.up import _warnings

    entry = sim.cloud_entry(regoin_name="eu-nl", compute_api_version="2")
    file = tmp_path / "clouds.yaml"
    file.write_text(json.dumps({"clouds": {"otc": entry}}))
    settings.CLOUDS = load_clouds({}, cwd=tmp_path, home=tmp_path)
    settings.NOTICES = ["OS_CLOUD is set."]
    sentence = f"{file}, cloud otc: nobody knows the key regoin_name: did you mean region_name?"
    [cloud] = [state for state in web.get("/api/clouds/").json() if state["name"] == "otc"]
    assert cloud["warnings"] == [sentence]
    assert sentence in unescape(web.get("/clouds/").content.decode())
    assert _warnings() == ("OS_CLOUD is set.", sentence)
