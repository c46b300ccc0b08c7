"""Answers that are small on the wire and endless once unpacked: together they cost a process less
than 64 MiB, and each is one error.
"""

import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import brotli
import pytest

from backups.tests.faults.parts import PROJECT
from backups.tests.run_settings import LIMIT_S

MOST_KB = 64 * 1024
UNPACKED_MB = 1024
# Asks for one bomb after the other; prints of each the class of the error, the kilobytes by which
# the most that the process has had grew, and the sentence.
ASK = """
import resource, sys
from datetime import UTC, datetime
from backups.vbs.client import Client
from backups.vbs.errors import VBSError
from backups.tests.vbs.test_client import ID, config, keystone_config

url, what, *names = sys.argv[1:]

def ask(path):
    make_config = keystone_config if what == "a sign-in" else config
    client = Client(make_config(url + path), clock=lambda: datetime.now(UTC))
    try:
        if what == "a backup":
            client.get_backup(ID)
        elif what == "a list":
            client.list_backups()
        else:
            client.sign_in()
    except VBSError as e:
        return e
    finally:
        client.close()

ask("/small")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in names:
    error = ask(f"/{name}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(error and error.class_name, grown, error and error.message, sep="|")
"""


def _deflated(wbits: int) -> bytes:
    """Returns 1 GiB of blanks, packed: after a full flush each MiB of them is packed the same."""
    pack = zlib.compressobj(9, wbits=wbits)
    blanks = b" " * 2**20
    first = pack.compress(blanks) + pack.flush(zlib.Z_FULL_FLUSH)
    other = pack.compress(blanks) + pack.flush(zlib.Z_FULL_FLUSH)
    return first + other * (UNPACKED_MB - 1)


def _gzipped(data: bytes) -> bytes:
    return zlib.compress(data, 9, wbits=31)


BROTLI_MB = 256
GZIP = _deflated(31)
BOMBS = {
    "gzip": GZIP,
    "x-gzip": GZIP,
    "GZIP": GZIP,
    "deflate": _deflated(15),
    "DEFLATE": _deflated(-15),
    "gzip, gzip": _gzipped(GZIP),
    "deflate, gzip": _gzipped(_deflated(15)),
    "gzip, gzip, gzip": _gzipped(_gzipped(GZIP)),
    "br": brotli.compress(b" " * (BROTLI_MB * 2**20), quality=1),
    "gzip, br": brotli.compress(GZIP, quality=5),
    ", ".join(["gzip"] * 9): GZIP,
}


@contextmanager
def cloud() -> Iterator[str]:
    """Answers below `/0`, `/1` … with the bombs in their order, elsewhere with an empty object."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(200 if self.command == "GET" else 201)
            name = self.path.split("/")[1]
            body = b"{}"
            if name.isdecimal():
                encoding, body = list(BOMBS.items())[int(name)]
                self.send_header("Content-Encoding", encoding)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Subject-Token", "token")
            self.end_headers()
            # The client leaves when it has read enough.
            with suppress(OSError):
                self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            """Tests are silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("what", ["a backup", "a list", "a sign-in"])
def test_an_answer_that_unpacks_without_end_costs_little_and_is_malformed(what: str) -> None:
    places = [str(place) for place in range(len(BOMBS))]
    env = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "backups.tests.settings"}
    with cloud() as url:
        asked = subprocess.run(
            [sys.executable, "-c", ASK, url, what, *places],
            cwd=PROJECT,
            env=env,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=True,
        )
    lines = asked.stdout.splitlines()
    assert len(lines) == len(BOMBS), asked.stderr
    for encoding, line in zip(BOMBS, lines, strict=True):
        class_name, grown_kb, sentence = line.split("|")
        assert (encoding, class_name) == (encoding, "malformed"), sentence
        assert int(grown_kb) < MOST_KB, f"{encoding}: {grown_kb} KB"
