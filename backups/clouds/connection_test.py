"""The connection test: name resolution, TLS, sign-in, catalog, permission, path, and what to do
about the first that fails. GET only, beside the sign-in. A person asked for it, so it tries a
refused sign-in once more.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from backups.clouds import call_counts, registry
from backups.clouds.call_meter import Meter
from backups.clouds.registry import UnknownCloud
from backups.clouds.sign_in import note_refusal
from backups.models import Cloud
from backups.vbs.client import Client
from backups.vbs.clouds import AKSK, CloudConfig
from backups.vbs.errors import (
    Malformed,
    OutOfBudget,
    Rejected,
    SignInRefused,
    Unauthorized,
    Unavailable,
    VBSError,
    WrongAddress,
)
from backups.vbs.reach import Reached, connect, resolve

Outcome = Literal["ok", "failed", "not_tried"]
STEPS = ("name", "tls", "sign_in", "catalog", "permission", "path")


@dataclass(frozen=True)
class Step:
    """`detail` is one sentence; `next` says what to do and is empty unless the step failed."""

    step: str
    outcome: Outcome
    detail: str = "not tried"
    next: str = ""
    milliseconds: int | None = None


@dataclass(frozen=True)
class ConnectionTest:
    cloud: str
    at: datetime
    ok: bool
    fails: str | None  # the step that fails
    steps: tuple[Step, ...]


def run(name: str, now: datetime, *, clock: Callable[[], datetime]) -> ConnectionTest:
    """Test a configured cloud. Raises UnknownCloud. What the sign-in said is kept, as after any
    other call.
    """
    config = registry.configured().get(name)
    if config is None:
        raise UnknownCloud(name)
    registry.ensure_rows()
    test = _Test(config, clock)
    test.run()
    call_counts.keep(name, test.meter.drain(), now)
    _note(config, test, now)
    steps = tuple(test.steps[step] for step in STEPS)
    fails = next((one.step for one in steps if one.outcome == "failed"), None)
    return ConnectionTest(name, now, fails is None, fails, steps)


def _note(config: CloudConfig, test: "_Test", now: datetime) -> None:
    """A good sign-in ends the pause after a refused one; a refused one begins it again."""
    if test.refused is not None:
        note_refusal(config, test.refused, now)
    elif test.steps["path"].outcome == "ok":
        Cloud.objects.filter(pk=config.name).update(refused_at=None)


class _Test:
    """Fills `steps` in order and stops at the first that fails."""

    def __init__(self, config: CloudConfig, clock: Callable[[], datetime]) -> None:
        self._config, self._clock = config, clock
        self.meter = Meter(
            config.name, config.requests_per_second
        )  # its calls are the cloud's like any other
        self.steps = {step: Step(step, "not_tried") for step in STEPS}
        self.refused: SignInRefused | None = None

    def run(self) -> None:
        given = (self._config.auth.get("auth_url"), self._config.vbs_endpoint_override)
        urls = list(dict.fromkeys(str(url) for url in given if url))
        if not self._reach(urls):
            return
        client = Client(self._config, clock=self._clock, meter=self.meter)
        try:
            self._ask(client, urls)
        finally:
            client.close()

    def _ask(self, client: Client, urls: Sequence[str]) -> None:
        if not self._sign_in(client):
            return
        base = self._catalog(client)
        if base is None or (
            urlsplit(base).netloc not in {urlsplit(url).netloc for url in urls}
            and not self._reach([base])
        ):
            return
        self._list(client)

    def _reach(self, urls: Sequence[str]) -> bool:
        """Name and TLS of each host; a host that only the catalog names is added to what stands
        there.
        """
        began = time.monotonic()
        names = [resolve(url) for url in urls]
        if not self._add("name", names, began):
            return False
        began = time.monotonic()
        return self._add("tls", [connect(url, self._config.verify) for url in urls], began)

    def _add(self, step: str, found: Sequence[Reached], began: float) -> bool:
        bad = next((one for one in found if not one.ok), None)
        told = self.steps[step].detail if self.steps[step].outcome == "ok" else ""
        sentences = dict.fromkeys([told] * bool(told) + [one.sentence for one in found])
        detail = bad.sentence if bad else " ".join(sentences)
        self._set(step, "failed" if bad else "ok", detail, bad.cure if bad else "", began)
        return bad is None

    def _sign_in(self, client: Client) -> bool:
        if self._config.auth_type == AKSK:
            self.steps["sign_in"] = Step("sign_in", "ok", "AK/SK: no sign-in, each call is signed.")
            return True
        began = time.monotonic()
        try:
            client.sign_in()
        except VBSError as e:
            self.refused = e if isinstance(e, SignInRefused) else None
            self._set("sign_in", "failed", e.message, _sign_in_cure(e), began)
            return False
        self._set(
            "sign_in",
            "ok",
            f"Signed in to {urlsplit(str(self._config.auth['auth_url'])).netloc}.",
            "",
            began,
        )
        return True

    def _catalog(self, client: Client) -> str | None:
        began = time.monotonic()
        try:
            base = client.endpoint
        except VBSError as e:
            self._set(
                "catalog",
                "failed",
                e.message,
                "Correct region_name and interface, or set vbs_endpoint_override.",
                began,
            )
            return None
        place = urlsplit(base).netloc
        kind = client.endpoint_type
        told = (
            f"The catalog names {place} as {kind}."
            if kind
            else f"Not used: vbs_endpoint_override names {place}."
        )
        self._set("catalog", "ok", told, "", began)
        return base

    def _list(self, client: Client) -> None:
        """One entry of the list call: it needs the right to read, and the right path."""
        began = time.monotonic()
        try:
            found = client.list_backups(limit=1)
        except VBSError as e:
            self._list_failed(e, began)
            return
        self._set("permission", "ok", "Backups may be read.", "", began)
        some = (
            "The list of backups answers" if found else "The list of backups answers; it is empty"
        )
        self.steps["path"] = Step("path", "ok", f"{some}: {urlsplit(client.endpoint).path}.")

    def _list_failed(self, e: VBSError, began: float) -> None:
        status = f" (HTTP {e.http_status})" if e.http_status else ""
        if isinstance(e, SignInRefused) and self._config.auth_type == AKSK:
            self.refused = e
            self._set(
                "sign_in", "failed", f"The signature is refused{status}: {e.message}", _KEYS, began
            )
        elif isinstance(e, Unauthorized | Rejected):
            self._set("permission", "failed", f"Not allowed{status}: {e.message}", _ROLE, began)
        else:
            self.steps["permission"] = replace(
                self.steps["permission"], detail="cannot be told: the path fails"
            )
            cure = next(
                (cure for kind, cure in _PATH if isinstance(e, kind)), "Ask the cloud's support."
            )
            self._set("path", "failed", f"{e.message}{status}", cure, began)

    def _set(self, step: str, outcome: Outcome, detail: str, cure: str, began: float) -> None:
        spent = round(1000 * (time.monotonic() - began))
        self.steps[step] = Step(step, outcome, detail, cure, spent)


_KEYS = "Check ak, sk and project_id in clouds.yaml, and the clock of this machine."
_ROLE = (
    "Give the user the right to read backups in this project, and see that the project is the "
    "right one."
)
_PATH = (
    (OutOfBudget, "Try again in some seconds, or raise vbs_requests_per_second."),
    (WrongAddress, "Correct vbs_endpoint_override, or remove it so that the catalog decides."),
    (
        Malformed,
        "See that vbs_endpoint_override leads to the backup service and to nothing in front of it.",
    ),
    (
        Unavailable,
        "The service itself has trouble: try again later, and ask the cloud's support if it stays.",
    ),
)


def _sign_in_cure(e: VBSError) -> str:
    if isinstance(e, SignInRefused):
        return (
            "Correct the user, password or domain in clouds.yaml; repeated tries lock accounts, "
            "so press once."
        )
    if isinstance(e, WrongAddress | Malformed):
        return "Correct auth_url in clouds.yaml."
    return "The identity service has trouble: try again later."
