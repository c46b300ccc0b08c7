"""Which role a page or a call of the API needs: a viewer's to read, an operator's to write, another
one where the view says so.

A page's view says it with `needs`, a call with `role_needed` of its class. What says nothing is
open to viewers who read and operators who write.
"""

from collections.abc import Callable
from typing import TypeVar

from django.http.response import HttpResponseBase

from backups.models import Role

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def needs(role: Role) -> Callable[[View], View]:
    """Marks a view as one that needs this role, whatever the method."""

    def mark(view: View) -> View:
        view.role_needed = role  # type: ignore[attr-defined]
        return view

    return mark


def role_needed(view: object, method: str | None) -> Role:
    """`view`: a page's function, or a call of the API."""
    marked: Role | None = getattr(view, "role_needed", None)
    if marked is not None:
        return marked
    return Role.VIEWER if method in READS else Role.OPERATOR


def refusal(role: Role) -> str:
    """Returns what is said to whoever lacks a role."""
    return f"This needs the role {role.value}. Who manages the accounts here can give it to you."
