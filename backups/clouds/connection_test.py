"""The connection test: name resolution, TLS, sign-in, catalog, permission, path, and what to do
about the first that fails. GET only, beside the sign-in. A person asked for it, so it tries a
refused sign-in once more, and what it finds mended is asked about at once.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit
from uuid import uuid4

from django.db import transaction

from backups.clouds import call_counts, cloud_health, registry
from backups.clouds.call_meter import Meter
from backups.clouds.cloud_health import CallResult
from backups.clouds.registry import UnknownCloud
from backups.clouds.sign_in import note_refusal
from backups.models import Cloud, ObjectKind, Verb
from backups.models import Outcome as AuditOutcome
from backups.models.data_version import data_changed
from backups.shared import audit
from backups.shared.locks import lock_cloud
from backups.vbs import dialects
from backups.vbs.client import Client
from backups.vbs.cloud_config import CloudConfig
from backups.vbs.dialect_cbr import CBR
from backups.vbs.errors import (
    Malformed,
    OutOfBudget,
    ProxyFailed,
    Rejected,
    SignInRefused,
    Unauthorized,
    Unavailable,
    VBSError,
    WrongAddress,
)
from backups.vbs.host_check import HostCheck, connect, resolve
from backups.vbs.paging import entry_id, is_listed

Outcome = Literal["ok", "failed", "not_tried"]
STEPS = ("name", "tls", "sign_in", "catalog", "permission", "path")
_CATALOG_CURE = "Correct region_name and interface, or set vbs_endpoint_override."
_PERMISSION_CURE = (
    "Give the user the right to read backups in this project{permission}, and see that the project "
    "is the right one."
)
_POLICIES_CURE = "Schedules stay unknown."
_RULES_CURE = (
    "Make another application credential, with a rule for this call as well (README, “Least "
    "rights”); the rules of one that exists cannot be changed."
)
# The first that an error is an instance of counts.
_PATH_CURES = (
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
    (VBSError, "Ask the cloud's support."),
)

UNAVAILABLE = 503
# Of the cloud's row; what a passed test writes.
_ENDED = (
    "attempted_at",
    "last_good_at",
    "error",
    "refused_at",
    "failures",
    "breaker_openings",
    "paused_until",
    "pause_reason",
    "probe_until",
    "list_error",
    "list_checked_at",
    "volumes_due_at",
    "quota_due_at",
)


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
    fails: str | None  # The step that fails.
    steps: tuple[Step, ...]


def run(name: str, now: datetime, *, clock: Callable[[], datetime]) -> ConnectionTest:
    """Tests a configured cloud. Raises UnknownCloud. What the sign-in answered is stored, as after
    any other call.
    """
    config = registry.configured().get(name)
    if config is None:
        raise UnknownCloud(name)
    registry.ensure_rows()
    test = _Test(config, clock)
    test.run()
    call_counts.add(name, test.meter.drain(), now)
    if test.refusal is not None:
        note_refusal(config, test.refusal, now)  # Begins the pause after a refused sign-in again.
    elif test.steps["path"].outcome == "ok":
        _end_pauses(config.name, now)
    steps = tuple(test.steps[step] for step in STEPS)
    failed = [step.step for step in steps if step.outcome == "failed"]
    audit.note(
        Verb.CLOUD_TEST,
        ObjectKind.CLOUD,
        name,
        cloud=name,
        outcome=AuditOutcome.FAILED if failed else AuditOutcome.DONE,
        sentence=f"The step {failed[0]} failed." if failed else "Every step passed.",
        at=now,
    )
    return ConnectionTest(name, now, not failed, failed[0] if failed else None, steps)


def _end_pauses(name: str, now: datetime) -> None:
    """Stores that the cloud answers, and ends the waiting that its failures brought, so that the
    next dispatch reads its lists.

    What a list made doubtful stays so: one entry says nothing of the others.
    """
    with transaction.atomic():
        cloud = lock_cloud(name)
        cloud.refused_at = None
        if _is_over(cloud):
            cloud.paused_until = None
            cloud.pause_reason = None
        cloud_health.note_results(cloud, [CallResult(now)], now)
        if cloud.list_error is not None:
            # A list that is not checked is read, and checked anew.
            cloud.list_checked_at = None
            if cloud.shrunk_since is None:
                cloud.list_error = None
        if cloud.volumes_error is not None:
            cloud.volumes_due_at = None
        if cloud.quota_error is not None and cloud.quota_doubted is None:
            cloud.quota_due_at = None
        cloud.save(update_fields=_ENDED)
        data_changed()


def _is_over(cloud: Cloud) -> bool:
    """Is a pause that the cloud asked for over? One after 503 is, for the service is there again;
    one after 429 is not, for one answer does not refill an allowance.
    """
    error = cloud.error or {}
    return cloud.pause_reason == "retry_after" and error.get("http_status") == UNAVAILABLE


class _Test:
    """Fills `steps` in order and stops at the first that fails."""

    def __init__(self, config: CloudConfig, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._clock = clock
        # Its calls are the cloud's like any other.
        self.meter = Meter(config.name, config.requests_per_second)
        self.steps = {step: Step(step, "not_tried") for step in STEPS}
        self.refusal: SignInRefused | None = None

    def run(self) -> None:
        urls = self._configured_urls()
        if not self._check_hosts(urls):
            return
        client = Client(self._config, clock=self._clock, meter=self.meter)
        try:
            self._ask(client, urls)
        finally:
            client.close()

    def _configured_urls(self) -> list[str]:
        urls: list[str] = []
        for url in (self._config.auth.get("auth_url"), self._config.vbs_endpoint_override):
            if url and url not in urls:
                urls.append(url)
        return urls

    def _ask(self, client: Client, checked_urls: Sequence[str]) -> None:
        if not self._sign_in(client):
            return
        base = self._find_endpoint(client)
        if base is None:
            return
        checked_hosts = [urlsplit(url).netloc for url in checked_urls]
        if urlsplit(base).netloc not in checked_hosts and not self._check_hosts([base]):
            return
        self._list(client)

    def _check_hosts(self, urls: Sequence[str]) -> bool:
        """Checks name and TLS of each host; a host that only the catalog names is added to what the
        two steps say already.
        """
        began = time.monotonic()
        config = self._config
        if not self._add_checks("name", (resolve(url, config.proxies) for url in urls), began):
            return False
        began = time.monotonic()
        checks = (connect(url, config.verify, config.cert, proxies=config.proxies) for url in urls)
        return self._add_checks("tls", checks, began)

    def _add_checks(self, step: str, checks: Iterable[HostCheck], began: float) -> bool:
        """Makes the checks until one fails."""
        sentences: list[str] = []
        if self.steps[step].outcome == "ok":
            sentences.append(self.steps[step].detail)
        for check in checks:
            if not check.ok:
                self._fail(step, check.sentence, check.cure, began)
                return False
            if check.sentence not in sentences:
                sentences.append(check.sentence)
        self._pass(step, " ".join(sentences), began)
        return True

    def _sign_in(self, client: Client) -> bool:
        began = time.monotonic()
        try:
            client.sign_in()
        except SignInRefused as e:
            self._fail_sign_in(client, e, began)
            return False
        except ProxyFailed as e:
            self._fail("sign_in", e.sentence, e.cure, began)
            return False
        except VBSError as e:
            if isinstance(e, WrongAddress | Malformed):
                cure = "Correct auth_url in clouds.yaml."
            else:
                cure = "The identity service has trouble: try again later."
            cure += self._cure_of_proxy(e, self._config.auth.get("auth_url") or "")
            self._fail("sign_in", e.message_with_request, cure, began)
            return False
        if client.signs_each_call:  # Nothing was asked, so there is no time to tell.
            self.steps["sign_in"] = Step("sign_in", "ok", client.credentials.success_sentence)
        else:
            self._pass("sign_in", client.credentials.success_sentence, began)
        return True

    def _find_endpoint(self, client: Client) -> str | None:
        began = time.monotonic()
        try:
            base = client.endpoint
        except VBSError as e:
            self._fail("catalog", e.message, _CATALOG_CURE, began)
            return None
        host = urlsplit(base).netloc
        if client.endpoint_type:
            sentence = f"The catalog names {host} as {client.endpoint_type}."
        else:
            sentence = f"Not used: {self._override_name()} names {host}."
        if client.dialect is not CBR and client.offers(CBR):
            sentence += " The catalog has CBR too: an entry with vbs_api: cbr reads it."
        self._pass("catalog", sentence, began)
        return base

    def _override_name(self) -> str:
        if self._config.vbs_endpoint_override is not None:
            return "vbs_endpoint_override"
        return "an endpoint override of the volume service"

    def _list(self, client: Client) -> None:
        """Asks for one entry of the list: it needs the right to read, and the right path."""
        began = time.monotonic()
        try:
            entries = client.list_backups(limit=1)
        except VBSError as e:
            self._list_failed(client, e, began)
            return
        sentences = ["Backups may be read."]
        if client.dialect.has_policies and not client.credentials.has_access_rules:
            sentences += _sentences_on_policies(client)
        if client.credentials.has_access_rules:
            try:
                sentences += self._try_rules(client, entries)
            except Unauthorized as e:
                self._list_failed(client, e, began)
                return
            except OutOfBudget:
                sentences.append("The call budget is used up: not every call was tried.")
        self._pass("permission", " ".join(sentences), began)
        sentence = "The list of backups answers"
        if not entries:
            sentence += "; it is empty"
        path = urlsplit(client.endpoint).path
        self.steps["path"] = Step("path", "ok", f"{sentence}: {path}.")

    def _try_rules(self, client: Client, entries: Sequence[object]) -> list[str]:
        """Makes each other call once, since a rule may be forgotten. Returns a sentence for each
        that is refused and that one can do without. Raises Unauthorized where it is one backup
        that may not be read.
        """
        backup_id = entry_id(entries[0]) if entries and is_listed(entries[0]) else None
        refused = _refusal(lambda: client.get_backup(backup_id or str(uuid4())))
        if refused is not None:
            raise refused
        calls: list[Callable[[], object]] = [
            lambda: client.list_volumes(limit=1),
            lambda: client.get_volume(str(uuid4())),
        ]
        if self._has_quota(client):
            calls.append(client.get_quota)
        if client.dialect.has_policies:
            calls.append(client.read_policies)
        sentences: list[str] = []
        for call in calls:
            refused = _refusal(call)
            if refused is not None:
                sentences.append(f"Refused: {refused.message_with_request}")
        return sentences

    def _has_quota(self, client: Client) -> bool:
        if client.dialect.has_quota:
            return True
        cloud = Cloud.objects.get(pk=self._config.name)
        return registry.dialect(cloud, self._config).has_quota

    def _list_failed(self, client: Client, error: VBSError, began: float) -> None:
        status = _status(error)
        if isinstance(error, SignInRefused) and client.signs_each_call:
            self._fail_sign_in(client, error, began)
        elif isinstance(error, ProxyFailed):
            self._fail_path(error.sentence, error.cure, began)
        elif isinstance(error, Unauthorized | Rejected):
            sentence = f"Not allowed{status}: {error.message}"
            is_by_rule = isinstance(error, Unauthorized) and client.credentials.has_access_rules
            cure = _RULES_CURE if is_by_rule else _permission_cure(client)
            self._fail("permission", sentence, cure, began)
        else:
            cures = [cure for error_class, cure in _PATH_CURES if isinstance(error, error_class)]
            cure = cures[0] + self._cure_of_proxy(error, client.endpoint) + cure_of_api(client)
            self._fail_path(f"{error.message}{status}", cure, began)

    def _cure_of_proxy(self, error: VBSError, url: str) -> str:
        """Returns where else to look for what failed, where a proxy may have had a part in it: it
        forwards plain calls, and can break a tunnel but not answer in it.
        """
        proxies = self._config.proxies
        has_answer = error.http_status is not None
        proxy = proxies.forwarder_for(url) if has_answer else proxies.for_url(url)
        return f" Or see what the proxy of {proxy.variable} logs." if proxy else ""

    def _fail_path(self, sentence: str, cure: str, began: float) -> None:
        permission = self.steps["permission"]
        self.steps["permission"] = replace(permission, detail="cannot be told: the path fails")
        self._fail("path", sentence, cure, began)

    def _fail_sign_in(self, client: Client, refusal: SignInRefused, began: float) -> None:
        self.refusal = refusal
        sentence = client.credentials.refusal_sentence(refusal)
        if refusal.request_id is not None:
            sentence = f"{sentence.rstrip('.')} (request {refusal.request_id})."
        self._fail("sign_in", sentence, client.credentials.refusal_cure, began)

    def _pass(self, step: str, sentence: str, began: float) -> None:
        self.steps[step] = Step(step, "ok", sentence, milliseconds=_milliseconds_since(began))

    def _fail(self, step: str, sentence: str, cure: str, began: float) -> None:
        milliseconds = _milliseconds_since(began)
        self.steps[step] = Step(step, "failed", sentence, cure, milliseconds)


def _refusal(call: Callable[[], object]) -> Unauthorized | None:
    """Makes a call and returns the 401 that it got. Another error is not about rights. Raises
    OutOfBudget.
    """
    try:
        call()
    except OutOfBudget:
        raise
    except Unauthorized as e:
        return e
    except VBSError:
        return None
    return None


def _permission_cure(client: Client) -> str:
    permission = client.dialect.permission
    return _PERMISSION_CURE.format(permission=f" ({permission})" if permission else "")


def _sentences_on_policies(client: Client) -> list[str]:
    """Returns a sentence where policies may not be read: one can do without. What else may be wrong
    with them is told where they are read.
    """
    try:
        client.read_policies()
    except OutOfBudget:
        return ["The call budget is used up: whether policies may be read was not tried."]
    except Rejected as e:
        return [f"Policies may not be read: {e.message_with_request} {_POLICIES_CURE}"]
    except VBSError:
        return []
    return []


def cure_of_api(client: Client) -> str:
    """Returns the other service that an address looks like, by what the public clouds call their
    hosts.
    """
    host = urlsplit(client.endpoint).netloc
    for other in dialects.DIALECTS.values():
        if host.startswith(f"{other.name}.") and other is not client.dialect:
            return f" The address looks like one of {other.label}: write vbs_api: {other.name}."
    return ""


def _milliseconds_since(began: float) -> int:
    return round(1000 * (time.monotonic() - began))


def _status(error: VBSError) -> str:
    """Returns the status of an answer and the ID that the cloud's support asks for, in brackets;
    nothing where no answer came.
    """
    if not error.http_status:
        return ""
    request = f", request {error.request_id}" if error.request_id else ""
    return f" (HTTP {error.http_status}{request})"
