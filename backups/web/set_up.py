"""What the web part answers while the database lacks tables or columns: a page that says so."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from django.db import Error, connection

from backups.shared import database_state, probes
from backups.shared.problem import CONTENT_TYPE, problem

# In the WSGI environment of a probe: the sentence that says what is wrong.
NOT_SET_UP = "vbsdash.not_set_up"
CHECK_EVERY_S = 1.0
RETRY_AFTER_S = "10"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>vbsdash is not set up</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 1rem; overflow-wrap: anywhere; }}
</style>
</head>
<body><h1>vbsdash is not set up</h1><p>{sentence}</p></body>
</html>
"""
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
logger = logging.getLogger(__name__)


class SetUpFirst:
    """A WSGI application that lets requests through to another one once the database is set up, of
    which it makes sure once.

    It stands in front of Django, whose middleware reads sessions out of the database.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._is_set_up = False
        self._make_lock()
        self._checked_at: float | None = None  # by the monotonic clock
        self._sentence: str | None = None
        # `gunicorn --preload` forks while a thread checks, which does not run on in the copy.
        os.register_at_fork(after_in_child=self._make_lock)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = probes.without_slash(str(environ.get("PATH_INFO", "")))
        # That this process answers has nothing to do with the database.
        if self._is_set_up or path.endswith(probes.ALIVE):
            return self._application(environ, start_response)
        sentence = self.problem()
        if sentence is None:
            return self._application(environ, start_response)
        if path.endswith(probes.READY):
            return self._application({**environ, NOT_SET_UP: sentence}, start_response)
        return _refuse(sentence, start_response, is_api="/api/" in path)

    def problem(self) -> str | None:
        """Returns what is missing as a sentence; None where nothing is, or where the database does
        not answer, of which the pages tell.
        """
        # Only the first check is waited for: of a silent database each takes seconds.
        if not self._lock.acquire(blocking=self._checked_at is None):
            return self._sentence
        try:
            now = time.monotonic()
            if self._checked_at is None or now - self._checked_at >= CHECK_EVERY_S:
                self._check()
        finally:
            self._lock.release()
        return self._sentence

    def _check(self) -> None:
        try:
            database_state.check(newer_is_fine=True)
            self._is_set_up = True
            self._sentence = None
        except database_state.NotSetUp as e:
            text = str(e)
            self._sentence = f"{text[:1].upper()}{text[1:]}."
            logger.error("%s", text)
        except Error as e:
            self._sentence = None
            logger.error("%s", database_state.sentence_of(e) or e)
        finally:
            connection.close()
        self._checked_at = time.monotonic()

    def _make_lock(self) -> None:
        self._lock = threading.Lock()


def _refuse(sentence: str, start_response: StartResponse, *, is_api: bool) -> list[bytes]:
    if is_api:
        content_type = CONTENT_TYPE
        body = json.dumps(problem(503, sentence)).encode()
    else:
        content_type = "text/html; charset=utf-8"
        body = PAGE.format(sentence=escape(sentence)).encode()
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Retry-After", RETRY_AFTER_S),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response("503 Service Unavailable", headers)
    return [body]
