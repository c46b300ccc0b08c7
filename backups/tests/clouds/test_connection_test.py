"""The connection test against a simulated cloud and real TLS servers on this machine."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from backups.clouds import connection_test, registry
from backups.clouds.connection_test import ConnectionTest
from backups.models import Cloud
from backups.simulator import Fault, Simulator
from backups.tests import otc
from backups.vbs.client import Client
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.clouds import load_clouds
from backups.vbs.host_check import connect, resolve

pytestmark = [pytest.mark.either, pytest.mark.django_db]
CERTIFICATES = Path(__file__).parents[1] / "certificates"
Configure = Callable[..., None]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(clock=timezone.now) as running:
        yield running


@pytest.fixture
def configure(settings: Any, tmp_path: Any, sim: Simulator) -> Configure:
    """Configure the simulated cloud `otc`; `keys` go into its `auth`, the rest into its entry."""

    def write(auth: str = "password", keys: dict[str, str] | None = None, **extra: Any) -> None:
        entry = sim.cloud_entry(auth=auth, **extra)
        file = tmp_path / "clouds.yaml"
        file.write_text(
            json.dumps({"clouds": {"otc": entry | {"auth": entry["auth"] | (keys or {})}}})
        )
        settings.CLOUDS = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=tmp_path, home=tmp_path
        )
        registry.ensure_rows()

    return write


def tried(cloud: str = "otc") -> ConnectionTest:
    return connection_test.run(cloud, timezone.now(), clock=timezone.now)


def outcomes(found: ConnectionTest) -> dict[str, str]:
    return {one.step: one.outcome for one in found.steps}


def failing(found: ConnectionTest) -> tuple[str | None, str, str]:
    """The step that fails, what it says, and what to do."""
    step = next(one for one in found.steps if one.outcome == "failed")
    assert found.fails == step.step
    return step.step, step.detail, step.next


@pytest.mark.parametrize("auth", ["password", "v3applicationcredential", "token", "aksk"])
def test_a_working_cloud_passes_every_step(sim: Simulator, configure: Configure, auth: str) -> None:
    configure(auth)
    found = tried()
    assert (found.ok, found.fails, set(outcomes(found).values())) == (True, None, {"ok"})
    methods = {(one.method, one.path.split("?")[0].rsplit("/", 1)[-1]) for one in sim.requests}
    assert methods <= {("POST", "tokens"), ("GET", "detail"), ("GET", "backuppolicy")}


# It waits for as long as a person would; test_rate_limit.py counts in each database.
@pytest.mark.once
def test_its_calls_are_counted_and_take_their_turn_like_any_other(
    sim: Simulator, configure: Configure
) -> None:
    configure(vbs_requests_per_second=0.05)  # one call in twenty seconds
    assert tried().ok
    assert list(Cloud.objects.get().calls.values_list("class_name", "n")) == [("ok", 1)]
    asked = len(sim.requests)
    step, detail, cure = failing(tried())
    assert (step, cure) == ("path", "Try again in some seconds, or raise vbs_requests_per_second.")
    assert "budget" in detail
    assert [one.method for one in sim.requests[asked:]] == ["POST"]


def test_a_name_that_nobody_knows_is_what_fails(configure: Configure) -> None:
    configure(vbs_endpoint_override="https://vbs.nowhere.invalid/v2")
    found = tried()
    assert failing(found)[:2] == ("name", "The name vbs.nowhere.invalid cannot be resolved.")
    assert [outcomes(found)[step] for step in ("sign_in", "path")] == ["not_tried", "not_tried"]


def test_a_port_that_nobody_listens_on_is_said_before_any_password_is_sent(
    sim: Simulator, configure: Configure
) -> None:
    configure(vbs_endpoint_override="http://127.0.0.1:1/v2")
    assert failing(tried())[:2] == ("tls", "127.0.0.1:1 refuses the connection.")
    assert sim.requests == []


def test_a_refused_sign_in_is_tried_once_and_begins_the_pause(
    sim: Simulator, configure: Configure
) -> None:
    configure()
    sim.fault(Fault("refused_sign_in", path="tokens"))
    step, _, cure = failing(tried())
    assert (step, "password" in cure) == ("sign_in", True)
    assert [one.method for one in sim.requests] == ["POST"]
    cloud = Cloud.objects.get(pk="otc")
    assert registry.is_sign_in_paused(cloud, timezone.now())
    assert cloud.error is not None
    assert cloud.error["class"] == "unauthorized"


def test_a_press_tries_a_refused_sign_in_and_ends_the_pause(configure: Configure) -> None:
    configure()
    mark = registry.fingerprint(registry.configured()["otc"])
    Cloud.objects.update(refused_at=timezone.now() - timedelta(minutes=5), refused_fingerprint=mark)
    assert tried().ok
    assert not registry.is_sign_in_paused(Cloud.objects.get(pk="otc"), timezone.now())


def test_a_region_that_the_catalog_has_not_is_what_fails(configure: Configure) -> None:
    configure(region_name="mars")
    step, detail, cure = failing(tried())
    assert (step, "region mars" in detail, "region_name" in cure) == ("catalog", True, True)


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        (Fault("status", status=403), "permission"),
        (Fault("status", status=404), "path"),
        (Fault("status", status=503), "path"),
        (Fault("html"), "path"),
        (Fault("redirect", url="https://elsewhere.example/"), "path"),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_what_the_list_call_answers_names_the_step(
    sim: Simulator, configure: Configure, fault: Fault, step: str
) -> None:
    configure()
    sim.fault(fault)
    found = tried()
    assert (failing(found)[0], outcomes(found)["catalog"]) == (step, "ok")
    assert failing(found)[2] != ""


def test_a_wrong_signature_is_a_matter_of_the_sign_in(configure: Configure) -> None:
    configure("aksk", {"sk": "wrong"})
    assert failing(tried())[0] == "sign_in"


def test_a_cloud_that_is_not_configured_cannot_be_tested(configure: Configure) -> None:
    configure()
    with pytest.raises(registry.UnknownCloud):
        tried("nowhere")


def test_no_secret_is_in_a_result(configure: Configure) -> None:
    configure(keys={"password": "hunter2-hunter2"})
    found = tried()
    assert (found.fails, "hunter2" in repr(found)) == ("sign_in", False)


@contextmanager
def tls(certificate: str) -> Iterator[str]:
    """An HTTPS server on this machine that shows a certificate; its address."""
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a refused handshake is what is tested
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}/v3"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("certificate", "trusted", "ok", "says"),
    [
        ("good", True, True, "localhost: the certificate is good until 1 Jan 2120."),
        (
            "good",
            False,
            False,
            "The certificate of localhost comes from an authority that nobody here knows.",
        ),
        ("expired", True, False, "The certificate of localhost ran out."),
        ("another", True, False, "The certificate of localhost was made for another name."),
    ],
)
def test_a_certificate_is_judged_in_words(
    certificate: str, trusted: bool, ok: bool, says: str
) -> None:
    with tls(certificate) as url:
        found = connect(url, str(CERTIFICATES / f"{certificate}.pem") if trusted else True)
    assert (found.ok, found.sentence, found.cure == "") == (ok, says, ok)


def test_a_certificate_that_shall_not_be_checked_is_not(sim: Simulator) -> None:
    with tls("expired") as url:
        found = connect(url, False)
    assert (found.ok, found.sentence) == (
        True,
        "localhost: the certificate is not checked (verify: false).",
    )


def test_plain_http_behind_an_https_address_is_said(sim: Simulator) -> None:
    found = connect(sim.url.replace("http:", "https:"), True)
    assert (found.ok, "plain http" in found.cure) == (False, True)


def test_a_host_without_a_name_is_resolved_to_itself() -> None:
    assert resolve("http://127.0.0.1:5000/v3").sentence == "127.0.0.1 is 127.0.0.1."


def detail(found: ConnectionTest, step: str) -> str:
    return next(one.detail for one in found.steps if one.step == step)


def test_cbr_passes_every_step_and_needs_its_own_rights(settings: Any, tmp_path: Path) -> None:
    with Simulator(clock=timezone.now, api="cbr") as sim:
        entry = sim.cloud_entry(vbs_api="cbr")
        otc.configure(settings, tmp_path, {"otc": entry})
        registry.ensure_rows()
        found = tried()
        assert found.ok, found
        assert detail(found, "catalog").endswith(" as cbr.")
        sim.fault(Fault("status", status=403, path="/backups", body="cbr"))
        step, sentence, cure = failing(tried())
        assert (step, "Not allowed (HTTP 403" in sentence) == ("permission", True)
        assert "cbr:backups:list" in cure


def test_that_policies_may_not_be_read_is_said_and_fails_nothing(
    sim: Simulator, configure: Configure
) -> None:
    configure()
    assert "olicies" not in detail(tried(), "permission")
    sim.fault(Fault("status", status=403, path="backuppolicy"))
    found = tried()
    assert found.ok
    assert "Policies may not be read: " in detail(found, "permission")
    assert detail(found, "permission").endswith("Schedules stay unknown.")


def test_a_catalog_that_has_cbr_too_is_told(settings: Any, tmp_path: Path) -> None:
    with Simulator(clock=timezone.now, api="both") as sim:
        otc.configure(settings, tmp_path, {"otc": sim.cloud_entry()})
        registry.ensure_rows()
        assert detail(tried(), "catalog").endswith(
            "The catalog has CBR too: an entry with vbs_api: cbr reads it."
        )


@pytest.mark.parametrize(
    ("host", "api", "cure"),
    [
        ("cbr.eu-de.example", "auto", "CBR: write vbs_api: cbr."),
        ("cbr.eu-de.example", "cbr", ""),
        ("vbs.eu-de.example", "cbr", "VBS: write vbs_api: vbs."),
        ("vbs.eu-de.example", "auto", ""),
        ("backups.example", "cbr", ""),
    ],
)
def test_an_address_that_looks_like_another_service_is_told(host: str, api: str, cure: str) -> None:
    auth = {"ak": "a", "sk": "s", "project_id": "0" * 31 + "1"}
    config = CloudConfig(
        "otc", None, "aksk", auth, vbs_endpoint_override=f"https://{host}/v2", api=api
    )
    client = Client(config, clock=timezone.now)
    expected = f" The address looks like one of {cure}" if cure else ""
    assert connection_test.cure_of_api(client) == expected
    client.close()
