"""A web application of a few lines, and workers with other limits than ours."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from backups.runner.web_worker import Limits, WebWorker

PIECE = b"x" * 2**16
PIECES = 8  # more than the kernel takes for a client that does not read


class ImpatientWorker(WebWorker):
    limits = Limits(head_s=0.5, body_s=0.5, answer_s=0.5)


class FrugalWorker(WebWorker):
    limits = Limits(held_bytes=PIECES * len(PIECE) // 2)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    path = environ["PATH_INFO"]
    if path == "/large":
        return (PIECE for _ in range(PIECES))
    if path == "/length":
        return [str(len(environ["wsgi.input"].read())).encode()]
    if path == "/peer":
        words = (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["HTTP_X_FORWARDED_FOR"])
        return [" ".join(words).encode()]
    if path == "/wait":
        return _once_there_is(Path.home() / "go")
    return [b"ok"]


def _once_there_is(file: Path) -> Iterable[bytes]:
    yield b"begin "
    while not file.exists():
        time.sleep(0.01)
    yield b"end"
