"""The paths of the simulated cloud: who may ask, and what is answered (`backups/vbs/API.md`
§5, §7, §8, §9).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from backups.simulator import far_side
from backups.simulator.account import Account
from backups.simulator.body import INTERNAL_HOST, Form
from backups.simulator.cbr import PREFIX, ROUTE, CbrService
from backups.simulator.errors import error, gateway, no_such_api, no_such_backup
from backups.simulator.faults import Fault
from backups.simulator.keystone import Keystone, Verdict
from backups.simulator.listing import Paging
from backups.simulator.lists import ListCall, backup_list, encoded, volume_list
from backups.simulator.message import Answer, Question, answer_json
from backups.simulator.quota import quota_body
from backups.simulator.signing import KeyGuard, is_signed
from backups.simulator.store import Store, VerbatimBackup
from backups.simulator.vbs_policies import Asked, VbsPolicies
from backups.simulator.volumes import Volumes
from backups.simulator.xml import as_xml

Resource = Literal[
    "backup", "backups", "volume", "volumes", "quota", "policies", "tasks", "job", "cbr"
]
_PATHS: dict[Resource, str] = {
    "policies": r"/backuppolicy/?",
    "tasks": r"/backuppolicy/(?P<id>[^/]+)/backuptasks/?",
    "job": r"/jobs/(?P<id>[^/]+)/?",
    "quota": r"/cloudbackups/quota/?",
    "backups": r"/backups(?P<detail>/detail)?/?",
    "volumes": r"/volumes(?P<detail>/detail)?/?",
    "backup": r"/backups/(?P<id>[^/]+)/?",
    "volume": r"/volumes/(?P<id>[^/]+)/?",
}
_MICROVERSION = re.compile(r"volume 3\.(\d+)")
NEWEST_MINOR = 71
LISTS = re.compile(
    r"/(backups|volumes|vaults|policies|operation-logs|backuppolicy|backuptasks)(/detail)?/?$"
)


class Route(NamedTuple):
    resource: Resource
    pattern: re.Pattern[str]


CINDER_RESOURCES: tuple[Resource, ...] = ("backups", "volumes", "backup", "volume")


def _routes(flavor: str, api: str) -> list[Route]:
    if flavor == "cinder":
        return [_route("/volume/v3", resource) for resource in CINDER_RESOURCES]
    routes = [
        _route("/evs/v[23]", "volumes"),
        _route("/evs/v[23]", "volume"),
    ]
    if api != "cbr":
        routes += [
            _route("/v2", "quota"),
            _route("/v2", "backups"),
            _route("/v2", "backup"),
            _route("/v2", "policies"),
            _route("/v2", "tasks"),
            _route("/v1", "job"),
        ]
    if api != "vbs":
        routes.append(Route("cbr", ROUTE))
    return routes


def _route(prefix: str, resource: Resource) -> Route:
    return Route(resource, re.compile(rf"{prefix}/(?P<project>[^/]+){_PATHS[resource]}"))


@dataclass(frozen=True, slots=True)
class Switches:
    """What this cloud allows and how it behaves."""

    flavor: str
    paging: Paging
    type_full: int
    volumes_allowed: bool
    quota_allowed: bool
    api: str = "vbs"


@dataclass(frozen=True, slots=True)
class Call:
    """A GET of a sender who may ask."""

    question: Question
    parts: Mapping[str, str | None]
    form: Form
    faults: Mapping[str, Fault]
    now: float


def backup_id_of(path: str) -> str | None:
    """Returns the ID, in lower case, in the path of a single GET."""
    parts = path.rstrip("/").split("/")
    if len(parts) > 2 and parts[-2] == "backups" and parts[-1] != "detail":
        return parts[-1].lower()
    return None


class CalledService(NamedTuple):
    """The service that gets a request, by its type in the catalog, and the path as it sees it: the
    address at which the cloud shows the service may have more in front.
    """

    type: str
    path: str


def called_service(path: str, *, flavor: str) -> CalledService | None:
    """Returns None for the identity service, which asks for no token here."""
    if flavor == "cinder" and path.startswith("/volume/"):
        return CalledService("volumev3", path.removeprefix("/volume"))
    if path.startswith("/evs/"):
        return CalledService("evs", path.removeprefix("/evs"))
    if path.startswith(("/v1/", "/v2/")):
        return CalledService("vbsv2", path)
    if path.startswith(f"{PREFIX}/"):
        return CalledService("cbr", path.removeprefix(PREFIX))
    return None


class Service:
    """Answers questions; knows nothing of sockets. Safe to use from many threads."""

    def __init__(
        self,
        *,
        account: Account,
        keystone: Keystone,
        guard: KeyGuard,
        store: Store,
        volumes: Volumes,
        vbs_policies: VbsPolicies,
        cbr: CbrService,
        switches: Switches,
    ) -> None:
        self._account = account
        self._keystone = keystone
        self._guard = guard
        self._store = store
        self._volumes = volumes
        self._switches = switches
        self._vbs_policies = vbs_policies
        self._cbr = cbr
        # Services that came to their end, with the status that their paths answer since.
        self.ended: dict[str, int] = {}
        self._routes = _routes(switches.flavor, switches.api)
        self._handlers: dict[Resource, Callable[[Call], Answer]] = {
            "backup": self._backup,
            "backups": self._backups,
            "volume": self._volume,
            "volumes": self._volume_list,
            "quota": self._quota,
            "policies": self._policies,
            "tasks": self._tasks,
            "job": self._job,
            "cbr": self._of_cbr,
        }

    def refusal(self, question: Question, *, now: datetime) -> Answer | None:
        """Returns the answer to a sender who is not known; None for a good token or signature. To
        be called once a request.
        """
        if is_signed(question.headers):
            why = self._guard.refusal(question, now=now)
            if why is None:
                return None
            return gateway(
                401,
                "0301",
                f"Incorrect IAM authentication information: {why}",
                prefix=_gateway_of(question),
            )
        token = question.headers.get("x-auth-token", "")
        verdict = self._keystone.check(token)
        if verdict != "good":
            return _refused(verdict, flavor=self._switches.flavor, prefix=_gateway_of(question))
        called = called_service(question.path, flavor=self._switches.flavor)
        if called is None:
            return None
        is_open = self._keystone.opens(
            token, service=called.type, method=question.method, path=called.path
        )
        return None if is_open else error(401, "keystone")

    def answer(
        self,
        question: Question,
        faults: Mapping[str, Fault],
        *,
        refusal: Answer | None,
        now: datetime,
    ) -> Answer:
        delivered = far_side.answer_of(question)
        if delivered is not None:
            return delivered
        if question.path.startswith("/v3"):
            return self._identity(question, faults)
        is_version_call = question.path.rstrip("/") in ("/volume", "/volume/v3")
        if is_version_call and self._switches.flavor == "cinder":
            return self._cinder_versions()
        answer = self._routed(question, faults, refusal)
        return as_xml(answer) if question.wants_xml else answer

    def _identity(self, question: Question, faults: Mapping[str, Fault]) -> Answer:
        path = question.path.rstrip("/")
        if path == "/v3" and question.method == "GET":
            return self._keystone.version()
        if path == "/v3/auth/tokens" and question.method == "POST":
            if "refused_sign_in" in faults:
                return error(401, "keystone")
            return self._keystone.sign_in(question)
        return error(404, "keystone", message="Could not find the requested resource.")

    def _cinder_versions(self) -> Answer:
        version = {
            "id": "v3.0",
            "status": "CURRENT",
            "version": f"3.{NEWEST_MINOR}",
            "min_version": "3.0",
            "links": [{"rel": "self", "href": f"{self._keystone.url}/volume/v3/"}],
        }
        return answer_json({"versions": [version]})

    def _routed(
        self, question: Question, faults: Mapping[str, Fault], refusal: Answer | None
    ) -> Answer:
        """Answers as the gateway and the service do: the one checks the path, then the sender, the
        other the rest.
        """
        ended = self._ended(question)
        if ended is not None:
            return ended
        for route in self._routes:
            match = route.pattern.fullmatch(question.path)
            if match is not None:
                return self._answer_of(route.resource, match.groupdict(), question, faults, refusal)
        if self._switches.flavor == "vbs":
            return no_such_api()
        return error(404, "text", message="Not found.")

    def _ended(self, question: Question) -> Answer | None:
        """Returns the answer of a service that is no more, None for one that is."""
        called = called_service(question.path, flavor=self._switches.flavor)
        names = {"vbsv2": "vbs", "cbr": "cbr"}
        status = self.ended.get(names.get(called.type, "")) if called is not None else None
        if status is None:
            return None
        return no_such_api() if status == 404 else error(status, "apigw")

    def _answer_of(
        self,
        resource: Resource,
        parts: Mapping[str, str | None],
        question: Question,
        faults: Mapping[str, Fault],
        refusal: Answer | None,
    ) -> Answer:
        refusal = refusal or self._foreign(parts["project"], question)
        if refusal is not None:
            return refusal
        if question.method != "GET":
            return error(405, "apig" if resource == "cbr" else None)
        form = self._form(question)
        if isinstance(form, Answer):
            return form
        answer = self._handlers[resource](Call(question, parts, form, faults, self._store.now()))
        return _versioned(answer, form) if form.flavor == "cinder" else answer

    def _foreign(self, project: str | None, question: Question) -> Answer | None:
        """Returns the refusal of another project: the path's project must be the
        token's (§11, trap 21).
        """
        if project == self._account.project_id:
            return None
        if self._switches.flavor == "cinder":
            return error(400, message="Malformed request url")
        return gateway(
            403,
            "0302",
            "The project of the token is not the project of the URL",
            prefix=_gateway_of(question),
        )

    def _form(self, question: Question) -> Form | Answer:
        """Returns how to write the answer, or the error for a microversion that is not known."""
        switches = self._switches
        form = Form(
            switches.flavor, self._account.project_id, self._keystone.url, switches.type_full
        )
        version = question.headers.get("openstack-api-version", "").strip()
        if switches.flavor != "cinder" or not version:
            return form
        if version == "volume latest":
            return replace(form, minor=NEWEST_MINOR)
        match = _MICROVERSION.fullmatch(version)
        if match is not None and int(match[1]) <= NEWEST_MINOR:
            return replace(form, minor=int(match[1]))
        return error(
            406,
            message=f"Version {version} is not supported by the API. Maximum is 3.{NEWEST_MINOR}.",
        )

    def _backup(self, call: Call) -> Answer:
        backup_id = call.parts["id"] or ""
        row = self._store.find(backup_id) if _is_uuid(backup_id) else None
        if row is None:
            return no_such_backup(backup_id)
        if isinstance(row, VerbatimBackup) and row.text and call.form.flavor == "vbs":
            return Answer(200, row.text)
        return Answer(200, b'{"backup": ' + encoded(row, call.now, call.form) + b"}")

    def _backups(self, call: Call) -> Answer:
        return backup_list(self._store.rows(), self._list_call(call))

    def _volume_list(self, call: Call) -> Answer:
        if not self._switches.volumes_allowed:
            return error(403, message="Policy doesn't allow volume:get_all to be performed.")
        return volume_list(self._volumes.listed(call.form), self._list_call(call))

    def _volume(self, call: Call) -> Answer:
        if not self._switches.volumes_allowed:
            return error(403, message="Policy doesn't allow volume:get to be performed.")
        volume = self._volumes.find(call.parts["id"] or "", call.form)
        if volume is None:
            return error(404, message=f"Volume {call.parts['id']} could not be found.")
        return answer_json({"volume": volume})

    def _list_call(self, call: Call) -> ListCall:
        base = f"{INTERNAL_HOST}/{self._account.project_id}"
        if self._switches.flavor == "cinder":
            base = f"{self._keystone.url}/volume/v3/{self._account.project_id}"
        return ListCall(
            arguments=call.question.arguments,
            detail=call.parts.get("detail") is not None,
            form=call.form,
            base=base,
            paging=self._switches.paging,
            faults=call.faults,
            now=call.now,
        )

    def _quota(self, call: Call) -> Answer:
        if not self._switches.quota_allowed:
            return error(403, message="Policy doesn't allow backup:quota to be performed.")
        return answer_json(quota_body(self._store.rows(), call.now, call.form))

    def _asked(self, call: Call) -> Asked:
        return Asked(call.question.arguments, call.faults, call.now, call.question.query)

    def _policies(self, call: Call) -> Answer:
        return self._vbs_policies.policies(self._asked(call))

    def _tasks(self, call: Call) -> Answer:
        return self._vbs_policies.tasks(call.parts["id"] or "", self._asked(call))

    def _job(self, call: Call) -> Answer:
        return self._vbs_policies.job(call.parts["id"] or "", self._asked(call))

    def _of_cbr(self, call: Call) -> Answer:
        resource = call.parts["resource"] or ""
        return self._cbr.answer(resource, call.parts["id"], self._asked(call))


def _versioned(answer: Answer, form: Form) -> Answer:
    headers = {"OpenStack-API-Version": f"volume 3.{form.minor}", "Vary": "OpenStack-API-Version"}
    return replace(answer, headers={**answer.headers, **headers})


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _gateway_of(question: Question) -> str:
    """Returns what the gateway's codes begin with in front of this service."""
    return "APIG" if question.path.startswith(f"{PREFIX}/") else "APIGW"


def _refused(verdict: Verdict, *, flavor: str, prefix: str) -> Answer:
    """Returns a refusal. 401 has several bodies, one for each layer that may
    refuse (§8.1, trap 18).
    """
    if verdict == "domain":
        return error(
            403, message="Policy doesn't allow backup:get to be performed with a token of a domain."
        )
    if flavor == "cinder" or verdict == "unscoped":
        return error(401)
    if verdict == "missing":
        return gateway(
            401,
            "0301",
            "Incorrect IAM authentication information: x-auth-token not found",
            prefix=prefix,
        )
    if verdict == "unknown":
        return gateway(
            401,
            "0301",
            "Incorrect IAM authentication information: decrypt token fail",
            prefix=prefix,
        )
    return error(401, "iam")
