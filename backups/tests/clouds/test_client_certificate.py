"""A cloud that demands a client certificate: sign-in, backup and volume calls, connection test."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from backups.clouds import connection_test, registry
from backups.simulator import Simulator
from backups.vbs.client import Client
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.clouds import load_clouds
from backups.vbs.errors import Unavailable
from backups.vbs.tls_settings import CA_VARIABLES

pytestmark = [pytest.mark.either, pytest.mark.django_db]
CERTIFICATES = Path(__file__).parents[1] / "certificates"
IN_ONE_FILE = {"cert": str(CERTIFICATES / "client.pem")}
IN_TWO_FILES = {
    "cert": str(CERTIFICATES / "client.crt"),
    "key": str(CERTIFICATES / "client.key"),
}
AUTHORITY = str(CERTIFICATES / "good.pem")
ANOTHER = str(CERTIFICATES / "another.pem")
Configured = Callable[..., CloudConfig]


@contextmanager
def tls_in_front_of(port: int, *, version: ssl.TLSVersion) -> Iterator[str]:
    """Serves TLS on this machine, for those alone who show the client certificate, and passes on
    what they say to `port`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "good.pem")
    context.load_verify_locations(CERTIFICATES / "client.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:  # The test is over.
                return
            threading.Thread(target=pass_on, args=[plain], daemon=True).start()

    def pass_on(plain: socket.socket) -> None:
        with (
            suppress(OSError),
            context.wrap_socket(plain, server_side=True) as outside,
            socket.create_connection(("127.0.0.1", port)) as inside,
        ):
            back = threading.Thread(target=copy, args=[inside, outside], daemon=True)
            back.start()
            copy(outside, inside)
            back.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def configured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Configured]:
    """Makes the configuration of a simulated cloud of which each address is behind such a server,
    with further keys of its entry and variables of the environment.
    """
    with Simulator(clock=timezone.now) as sim:
        port = int(sim.url.rpartition(":")[2])
        with tls_in_front_of(port, version=request.param) as url:

            def configure(keys: Mapping[str, str], **environ: str) -> CloudConfig:
                entry = sim.cloud_entry(
                    vbs_endpoint_override=f"{url}/v2", volume_endpoint_override=f"{url}/evs/v2"
                )
                entry["auth"]["auth_url"] = f"{url}/v3"
                content = {"clouds": {"otc": {**entry, **keys}}}
                (tmp_path / "clouds.yaml").write_text(json.dumps(content))
                return load_clouds(environ, cwd=tmp_path, home=tmp_path)["otc"]

            yield configure


@pytest.mark.parametrize("keys", [IN_ONE_FILE, IN_TWO_FILES], ids=["one file", "two files"])
def test_it_is_shown_at_sign_in_and_in_every_call(
    configured: Configured, keys: Mapping[str, str], settings: Any
) -> None:
    config = configured({"cacert": AUTHORITY, **keys})
    client = Client(config, clock=timezone.now)
    try:
        assert client.list_backups(limit=1)
        assert list(client.walk_volumes()) == []
    finally:
        client.close()
    settings.CLOUDS = {"otc": config}
    registry.ensure_rows()
    assert connection_test.run("otc", timezone.now(), clock=timezone.now).ok


@pytest.mark.parametrize("keys", [{}, {"cert": ANOTHER}], ids=["none", "another one"])
def test_without_the_right_one_the_sentence_names_the_keys(
    configured: Configured, keys: Mapping[str, str], settings: Any
) -> None:
    config = configured({"cacert": AUTHORITY, **keys})
    client = Client(config, clock=timezone.now)
    with pytest.raises(Unavailable, match="cert and key"):
        client.sign_in()
    client.close()
    settings.CLOUDS = {"otc": config}
    registry.ensure_rows()
    test = connection_test.run("otc", timezone.now(), clock=timezone.now)
    failed = [step for step in test.steps if step.outcome == "failed"]
    assert "cert and key" in f"{failed[0].detail} {failed[0].next}"


@pytest.mark.parametrize("name", CA_VARIABLES)
def test_the_authorities_that_the_environment_names_are_asked_everywhere(
    configured: Configured, name: str, settings: Any
) -> None:
    client = Client(configured(IN_ONE_FILE), clock=timezone.now)
    with pytest.raises(Unavailable, match="certificate verification failed"):
        client.sign_in()
    client.close()
    config = configured(IN_ONE_FILE, **{name: AUTHORITY})
    client = Client(config, clock=timezone.now)
    assert client.list_backups(limit=1)
    assert list(client.walk_volumes()) == []
    client.close()
    settings.CLOUDS = {"otc": config}
    registry.ensure_rows()
    assert connection_test.run("otc", timezone.now(), clock=timezone.now).ok


def test_a_certificate_that_shall_not_be_checked_is_not_whatever_the_environment_names(
    configured: Configured,
) -> None:
    config = configured({**IN_ONE_FILE, "insecure": "true"}, REQUESTS_CA_BUNDLE=ANOTHER)
    client = Client(config, clock=timezone.now)
    assert client.list_backups(limit=1)
    client.close()
