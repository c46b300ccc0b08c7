"""A cloud that is reached through a real forward proxy: sign-in, calls and the connection test."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from backups.clouds import connection_test, registry
from backups.clouds.connection_test import ConnectionTest
from backups.simulator import Fault, Simulator
from backups.tests.forward_proxy import CERTIFICATES, tls_in_front_of
from backups.tests.tinyproxy import Tinyproxy, need_tinyproxy, tinyproxy
from backups.vbs.clouds import load_clouds
from backups.vbs.errors import ProxyFailed, SignInRefused

pytestmark = [pytest.mark.either, pytest.mark.django_db]


class Estate:
    """A simulated cloud, by http or https, and how this installation gets to it."""

    def __init__(self, sim: Simulator, url: str, folder: Path, settings: Any) -> None:
        self.sim = sim
        self.place = url.partition("://")[2]
        self._url = url
        self._folder = folder
        self._settings = settings

    def configure(self, variables: Mapping[str, str], **auth: str) -> None:
        entry = self.sim.cloud_entry(
            vbs_endpoint_override=f"{self._url}/v2",
            volume_endpoint_override=f"{self._url}/evs/v2",
            cacert=str(CERTIFICATES / "good.pem"),
        )
        entry["auth"] |= {"auth_url": f"{self._url}/v3", **auth}
        file = self._folder / "clouds.yaml"
        file.write_text(json.dumps({"clouds": {"otc": entry}}))
        environ = {"OS_CLIENT_CONFIG_FILE": str(file), **variables}
        self._settings.CLOUDS = load_clouds(environ, cwd=self._folder, home=self._folder)
        registry.ensure_rows()

    def test(self) -> ConnectionTest:
        return connection_test.run("otc", timezone.now(), clock=timezone.now)


@pytest.fixture(params=["http", "https"])
def estate(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[Estate]:
    need_tinyproxy()
    with ExitStack() as stack:
        sim = stack.enter_context(Simulator(clock=timezone.now))
        url = sim.url
        if request.param == "https":
            port = int(sim.url.rpartition(":")[2])
            url = f"https://localhost:{stack.enter_context(tls_in_front_of(port))}"
        yield Estate(sim, url, tmp_path, settings)
        registry.forget_clients()


@pytest.mark.parametrize("with_password", [False, True], ids=["open", "with a password"])
def test_everything_goes_through_the_proxy(
    estate: Estate, tmp_path: Path, admin_client: Browser, *, with_password: bool
) -> None:
    user = "reader" if with_password else ""
    user_info = "reader:pa%2Ess@" if with_password else ""
    with tinyproxy(tmp_path / "proxy", user=user, password="pa.ss") as proxy:
        estate.configure({"ALL_PROXY": f"http://{user_info}{proxy.place}"})
        test = estate.test()
        assert test.ok, test
        client = registry.client("otc")
        assert len(client.list_backups(limit=1)) == 1
        assert list(client.walk_volumes()) == []
        way = f"through {proxy.place}, as ALL_PROXY says"
        for step in test.steps[:2]:
            assert step.detail.endswith(f"({way}).")
        assert admin_client.get("/api/clouds/").json()[0]["way"] == way
        page = admin_client.get("/clouds/").content.decode()
        assert f"<bdi>{way}</bdi>" in page
        assert "ss@" not in page
        assert_all_went_through(proxy, estate)
    assert "pa.ss" not in repr(test)


def assert_all_went_through(proxy: Tinyproxy, estate: Estate) -> None:
    tunnels = [asked for asked in proxy.asked if asked.startswith("CONNECT")]
    if estate.place.startswith("localhost"):
        assert set(proxy.asked) == {f"CONNECT {estate.place}"}
    else:
        assert tunnels == []
        assert {asked.split("/v")[0] for asked in proxy.asked} == {
            f"POST http://{estate.place}",
            f"GET http://{estate.place}",
            f"GET http://{estate.place}/evs",
        }
        assert len(proxy.asked) == len(estate.sim.requests)


def test_what_no_proxy_names_is_reached_directly(estate: Estate, tmp_path: Path) -> None:
    with tinyproxy(tmp_path / "proxy") as proxy:
        estate.configure({"ALL_PROXY": proxy.place, "NO_PROXY": "localhost,127.0.0.0/8"})
        test = estate.test()
        assert test.ok, test
        for step in test.steps[:2]:
            assert step.detail.endswith("(directly: NO_PROXY names it).")
        assert proxy.asked == []


@pytest.mark.parametrize("user_info", ["", "reader:hunter2@"], ids=["none", "wrong"])
def test_a_password_that_the_proxy_wants_is_asked_for_by_the_name_of_the_variable(
    estate: Estate, tmp_path: Path, user_info: str
) -> None:
    with tinyproxy(tmp_path / "proxy", user="reader", password="pass") as proxy:
        estate.configure({"HTTP_PROXY": f"{user_info}{proxy.place}", "HTTPS_PROXY": "unused:1"})
        if estate.place.startswith("localhost"):
            estate.configure({"HTTPS_PROXY": f"{user_info}{proxy.place}"})
        test = estate.test()
        failed = next(step for step in test.steps if step.outcome == "failed")
        with pytest.raises(ProxyFailed) as caught:
            registry.client("otc").sign_in()
    assert failed.step == ("tls" if estate.place.startswith("localhost") else "sign_in")
    for sentence in (failed.detail, caught.value.sentence):
        assert sentence.startswith(f"The proxy {proxy.place} ")
        # This proxy answers 401 to a wrong password, which must not count as the cloud's.
        assert sentence.endswith("(HTTP 407)." if not user_info else "(HTTP 401).")
    assert "_PROXY" in failed.next
    assert "hunter2" not in repr([test, caught.value])
    assert estate.sim.requests == []


def test_a_refused_sign_in_behind_the_proxy_is_the_clouds(estate: Estate, tmp_path: Path) -> None:
    with tinyproxy(tmp_path / "proxy") as proxy:
        estate.configure({"ALL_PROXY": proxy.place}, password="wrong")
        assert estate.test().fails == "sign_in"
        with pytest.raises(SignInRefused):
            registry.client("otc").sign_in()


def test_a_cloud_that_the_proxy_cannot_reach_is_named(estate: Estate, tmp_path: Path) -> None:
    with tinyproxy(tmp_path / "proxy") as proxy:
        estate.configure({"ALL_PROXY": proxy.place}, auth_url="https://localhost:1/v3")
        test = estate.test()
    failed = next(step for step in test.steps if step.outcome == "failed")
    assert (failed.step, failed.detail) == (
        "tls",
        f"The proxy {proxy.place} could not connect to localhost:1 (HTTP 500).",
    )
    assert "ALL_PROXY" in failed.next


def test_the_proxys_log_is_advised_where_it_may_have_answered(
    estate: Estate, tmp_path: Path
) -> None:
    is_tls = estate.place.startswith("localhost")
    estate.sim.fault(Fault("status", status=503))
    with tinyproxy(tmp_path / "proxy") as proxy:
        estate.configure({"ALL_PROXY": proxy.place})
        test = estate.test()
    failed = next(step for step in test.steps if step.outcome == "failed")
    # Inside a tunnel nobody but the cloud answers.
    assert failed.next.endswith("see what the proxy of ALL_PROXY logs.") == (not is_tls)
