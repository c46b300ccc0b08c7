"""Debian's nginx as the TLS proxy in front of a test's own installation: a process in the
foreground, all of it on loopback and in the test's folder.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from backups.runner.ports import accepts
from backups.tests.faults.parts import Part
from backups.tests.waiting import wait_until

SERVER = Path("/usr/sbin/nginx")
CERTIFICATE = Path(__file__).parent / "certificates" / "good.pem"
CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
{all_locations}
{locations}
    }}
}}
"""


def need_nginx() -> None:
    """Skips the test where there is none; in CI that is a failure."""
    if SERVER.is_file():
        return
    sentence = "there is no nginx: apt-get install nginx-light"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(f"!!! {sentence} !!!")


@contextmanager
def nginx(
    folder: Path, *, port: int, locations: Mapping[str, str], all_locations: str = ""
) -> Iterator[None]:
    """Serves `locations` over TLS: the directives of each, by its path; `all_locations`: those of
    the server, which count where a location has none of its own.
    """
    folder.mkdir()
    blocks = [f"location {path} {{ {words} }}" for path, words in locations.items()]
    config = folder / "nginx.conf"
    config.write_text(
        CONFIG.format(
            folder=folder,
            port=port,
            certificate=CERTIFICATE,
            all_locations=all_locations,
            locations="\n".join(blocks),
        )
    )
    argv = [str(SERVER), "-e", "stderr", "-p", str(folder), "-c", str(config)]
    part = Part(argv, {"PATH": os.environ["PATH"]}, folder / "log")
    part.start()
    try:
        wait_until(lambda: part.died or accepts(port))
        assert not part.died, part.log.read_text()
        yield
    finally:
        part.end()
