"""Who acts now, and where from: of a request its account or token, else vbsdash itself.

The middleware that names requests binds each one for as long as it lasts. So edits need not be told
who asks for them, and a task or a command, which has no request, is the system.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog
from django.contrib.auth.models import User
from django.http import HttpRequest

from backups.models import ActorKind, ApiToken

_request: ContextVar[HttpRequest | None] = ContextVar("request that is answered", default=None)


@dataclass(frozen=True)
class Who:
    """`name`: of the account, empty where nobody is signed in; of the system the name of the task,
    else of the user of the operating system. `token`: the beginning of its key.
    """

    kind: ActorKind
    name: str
    token: str = ""
    token_name: str = ""


@dataclass(frozen=True)
class Where:
    """`request_id`: of the request, also of the one that a task comes of, else of the task. Both
    are empty where there is none.
    """

    client: str
    request_id: str


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    """Binds a request while it is answered; its user is looked at when somebody asks who acts."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def who() -> Who:
    request = _request.get()
    if request is None:
        return _system()
    user = getattr(request, "user", None)
    name = user.get_username() if isinstance(user, User) else _name_of_lazy(user)
    token = getattr(request, "auth", None)  # the API leaves its token there
    if isinstance(token, ApiToken):
        return Who(ActorKind.TOKEN, name, token.beginning, token.name)
    return Who(ActorKind.USER, name)


def user(name: str) -> Who:
    return Who(ActorKind.USER, name)


def where() -> Where:
    """Reads what each line of the log tells of its request or task; what was bound by a request
    that is over counts no more.
    """
    bound = structlog.contextvars.get_contextvars()
    request_id = str(bound.get("request_id") or bound.get("task_id") or "")
    if _request.get() is not None:
        return Where(str(bound.get("client", "")), request_id)
    return Where("", request_id if "task" in bound else "")


def _name_of_lazy(user: object) -> str:
    get_username = getattr(user, "get_username", None)
    return str(get_username()) if get_username is not None else ""


def _system() -> Who:
    task = structlog.contextvars.get_contextvars().get("task")
    return Who(ActorKind.SYSTEM, str(task) if task else _os_user())


def _os_user() -> str:
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        # A container may run under a number that has no name.
        return f"uid {number}"
