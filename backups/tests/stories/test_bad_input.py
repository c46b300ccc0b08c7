"""Bad input and bad clouds as an operator meets them: a clear sentence where they look, nothing
lost, never a 500.

Pages and API are asked as a browser and a script ask them; the tasks that they enqueue run at once,
over real HTTP.
"""

import json
import re
import ssl
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from backups import tasks
from backups.clouds import registry
from backups.models import Backup
from backups.simulator import Fault, Simulator
from backups.tests.accounts import make_operator
from backups.vbs.clouds import load_clouds

pytestmark = [pytest.mark.either, pytest.mark.django_db]
CERTIFICATES = Path(__file__).parents[1] / "certificates"
ERRORS = sorted((Path(__file__).parents[1] / "samples" / "errors").glob("*.json"))
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(clock=timezone.now) as running:
        yield running
        registry.forget_clients()


class Operator:
    """A browser and a script, signed in, with workers that work at once."""

    def __init__(
        self, client: Client, settings: Any, folder: Path, commit: Callable[..., Any]
    ) -> None:
        self.client, self._settings, self._folder, self._commit = client, settings, folder, commit

    def configure(self, sim: Simulator, **words: Any) -> None:
        entry = sim.cloud_entry(vbs_requests_per_second=0)
        entry["auth"] |= words.pop("auth", {})
        file = self._folder / "clouds.yaml"
        file.write_text(json.dumps({"clouds": {"otc": {**entry, **words}}}))
        self._settings.CLOUDS = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(file)}, cwd=self._folder, home=self._folder
        )

    def post(self, path: str, data: dict[str, Any], **how: Any) -> Any:
        with self._commit(execute=True):
            answer = self.client.post(path, data, **how)
        assert answer.status_code < 500
        return answer

    def paste(self, text: str, cloud: str = "otc", **more: str) -> Any:
        return self.post("/backups/add/", {"cloud": cloud, "backup_ids": text, **more})

    def add(self, *ids: str, cloud: str = "otc") -> Any:
        return self.post(
            "/api/backups/", {"cloud": cloud, "ids": ids}, content_type="application/json"
        )

    def refresh(self, backup_id: str) -> None:
        self.post(f"/api/backups/{backup_id}/refresh/", {})

    def reads(self, path: str) -> str:
        """The words of a page."""
        answer = self.client.get(path)
        assert answer.status_code == 200
        return words(answer)

    def gets(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200
        return answer.json()

    def cloud(self) -> Any:
        [found] = self.gets("/api/clouds/")
        return found


def words(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.content.decode())).split())


@pytest.fixture
def operator(
    client: Client,
    settings: Any,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Any,
    sim: Simulator,
) -> Iterator[Operator]:
    client.force_login(make_operator("operator"))
    current_app.conf.task_always_eager = True
    found = Operator(client, settings, tmp_path, django_capture_on_commit_callbacks)
    found.configure(sim)
    yield found
    current_app.conf.task_always_eager = False


def test_what_is_no_uuid_is_named_and_nothing_is_written(operator: Operator) -> None:
    page = operator.paste("detail")
    assert "Not a backup ID: a UUID has 32 hexadecimal digits." in words(page)
    assert ">detail<" in page.content.decode()  # the text is kept
    answer = operator.add("detail", "../secrets").json()
    assert (answer["added"], [one["value"] for one in answer["invalid"]]) == (
        [],
        ["detail", "../secrets"],
    )
    assert all(one["reason"] for one in answer["invalid"])
    assert operator.client.get("/backups/detail/").status_code == 404
    assert operator.client.get("/api/backups/detail/").status_code == 404
    assert not Backup.objects.exists()


def test_the_uuid_of_no_backup_is_gone_after_the_second_look(operator: Operator) -> None:
    operator.paste(NOBODY)
    assert operator.gets(f"/api/backups/{NOBODY}/")["tracking_state"] == "pending"
    operator.refresh(NOBODY)
    found = operator.gets(f"/api/backups/{NOBODY}/")
    assert (found["tracking_state"], found["status"], found["error"]["class"]) == (
        "gone",
        None,
        "gone",
    )
    assert f"Backup {NOBODY} could not be found." in operator.reads(f"/backups/{NOBODY}/")
    assert "gone" in operator.reads("/backups/").lower()


def test_a_duplicate_is_tracked_once_and_said_to_be_one(operator: Operator, sim: Simulator) -> None:
    both = f"{sim.seed_example_id}\n{sim.seed_example_id.upper()}"
    assert "It stands above already." in words(operator.paste(both, preview="1"))
    assert not Backup.objects.exists()
    assert operator.add(*both.split()).json() == {
        "added": [sim.seed_example_id],
        "already_tracked": [],
        "invalid": [],
    }
    again = operator.add(sim.seed_example_id)
    assert (again.status_code, again.json()["already_tracked"]) == (200, [sim.seed_example_id])
    assert "Tracked in otc." in words(operator.paste(both, preview="1"))


def test_five_thousand_ids_at_once_are_tracked(operator: Operator) -> None:
    many = [str(uuid.UUID(int=(n << 64) + (4 << 76) + (8 << 60))) for n in range(1, 5001)]
    assert operator.paste("\n".join(many)).status_code == 302
    assert Backup.objects.count() == 5000
    assert len(operator.add(*many).json()["already_tracked"]) == 5000
    assert operator.gets("/api/summary/")["backups"]["total"] == 5000


def test_an_unknown_cloud_is_named_beside_the_configured_ones(operator: Operator) -> None:
    sentence = "“nowhere” is no configured cloud. Configured: otc."
    assert sentence in words(operator.paste(NOBODY, cloud="nowhere"))
    answer = operator.add(NOBODY, cloud="nowhere")
    assert (answer.status_code, answer.json()["errors"]["cloud"]) == (400, [sentence])
    assert not Backup.objects.exists()


def test_a_cloud_that_is_down_says_so_and_keeps_what_was_added(
    operator: Operator, sim: Simulator
) -> None:
    sim.stop()
    operator.paste(sim.seed_example_id)
    cloud = operator.cloud()
    assert (cloud["reachable"], cloud["error"]["class"]) == (False, "unavailable")
    assert cloud["error"]["message"] == f"127.0.0.1:{sim.port} refused the connection."
    assert "refused the connection." in operator.reads("/clouds/")
    found = operator.gets(f"/api/backups/{sim.seed_example_id}/")
    assert (found["tracking_state"], found["status"]) == ("pending", None)


def test_a_wrong_password_is_said_once_and_not_tried_again(
    operator: Operator, sim: Simulator
) -> None:
    operator.configure(sim, auth={"password": "s3cret-but-wrong"})
    operator.paste(sim.seed_example_id)
    for _ in range(3):
        tasks.dispatch()
    assert [call.status for call in sim.requests if call.method == "POST"] == [401]
    operator.refresh(sim.seed_example_id)  # a person may try again
    tasks.dispatch()
    assert [call.status for call in sim.requests if call.method == "POST"] == [401, 401]
    error = operator.cloud()["error"]
    assert (error["class"], error["http_status"]) == ("unauthorized", 401)
    assert error["message"].startswith("Sign-in refused: ")
    page = operator.reads("/clouds/")
    assert "Sign-in refused: " in page
    assert "s3cret-but-wrong" not in page + json.dumps(operator.cloud())


def test_an_expired_token_is_renewed_without_a_word(operator: Operator, sim: Simulator) -> None:
    operator.paste(sim.seed_example_id)
    sim.fault(Fault("expired_token"))
    operator.refresh(sim.seed_example_id)
    found = operator.gets(f"/api/backups/{sim.seed_example_id}/")
    assert (found["tracking_state"], found["error"], operator.cloud()["error"]) == (
        "fresh",
        None,
        None,
    )
    assert len([call for call in sim.requests if call.method == "POST"]) == 2


@contextmanager
def tls_server(certificate: str) -> Iterator[int]:
    """A real TLS server on loopback; its port."""
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / certificate)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the client leaves, that is the test
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("certificate", ["good.pem", "expired.pem"])
def test_a_certificate_that_nobody_vouches_for_is_named_with_the_cure(
    operator: Operator, sim: Simulator, certificate: str
) -> None:
    with tls_server(certificate) as port:
        operator.configure(sim, vbs_endpoint_override=f"https://127.0.0.1:{port}/v2")
        operator.paste(sim.seed_example_id)
    cloud = operator.cloud()
    sentence = (
        f"127.0.0.1:{port}: TLS certificate verification failed; set cacert to the right authority"
    )
    assert (cloud["reachable"], cloud["error"]["class"]) == (False, "unavailable")
    assert cloud["error"]["message"].startswith(sentence)
    assert sentence in operator.reads("/clouds/")


@pytest.mark.parametrize("file", ERRORS, ids=lambda file: file.stem)
def test_each_form_of_an_error_is_a_sentence_and_what_was_known_stays(
    operator: Operator, sim: Simulator, file: Path
) -> None:
    operator.paste(sim.seed_example_id)
    sample = json.loads(file.read_text())
    with answers(sample) as port:
        operator.configure(sim, vbs_endpoint_override=f"http://127.0.0.1:{port}/v2")
        operator.refresh(sim.seed_example_id)
    found = operator.gets(f"/api/backups/{sim.seed_example_id}/")
    assert (found["status"], found["size"], found["refreshed_at"] is None) == ("error", 1, False)
    if file.stem == "e01_404_itemNotFound":
        # A second look comes first.
        assert (found["tracking_state"], found["error"]) == ("fresh", None)
        return
    error = found["error"] or operator.cloud()["error"]
    assert error["http_status"] == sample["status"]
    assert error["class"] == CLASSES[file.stem[4:7]]
    pages = operator.reads(f"/backups/{sim.seed_example_id}/") + operator.reads("/clouds/")
    assert error["message"] in pages
    assert "<" not in error["message"]


CLASSES = {
    "400": "rejected",
    "401": "unauthorized",
    "403": "rejected",
    "404": "wrong_address",
    "413": "rejected",
    "429": "unavailable",
    "500": "unavailable",
    "502": "unavailable",
}


@contextmanager
def answers(sample: dict[str, Any]) -> Iterator[int]:
    """A server that answers each GET with a sample as it stands in its file; its port."""
    body = sample["body"] if isinstance(sample["body"], str) else json.dumps(sample["body"])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(sample["status"])
            for name, value in sample["headers"].items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "kind",
    ["html", "empty", "deep", "not_json", "wrong_envelope", "reset", "truncated", "redirect"],
)
def test_an_answer_that_is_none_is_a_sentence_and_what_was_known_stays(
    operator: Operator, sim: Simulator, kind: str
) -> None:
    operator.paste(sim.seed_example_id)
    sim.fault(Fault(kind, path="/backups/", url="http://192.0.2.1/"))
    operator.refresh(sim.seed_example_id)
    found = operator.gets(f"/api/backups/{sim.seed_example_id}/")
    error = found["error"] or operator.cloud()["error"]
    assert (found["status"], error["class"] in ("malformed", "unavailable", "wrong_address")) == (
        "error",
        True,
    )
    pages = operator.reads(f"/backups/{sim.seed_example_id}/") + operator.reads("/clouds/")
    assert error["message"] in pages
    sim.clear_faults()
    Backup.objects.update(claimed_until=None)
    operator.refresh(sim.seed_example_id)
    assert operator.gets(f"/api/backups/{sim.seed_example_id}/")["error"] is None
