"""Keystone v3, as much of it as signing in needs: version document,
tokens, catalog (`backups/vbs/API.md` §7.1).
"""

import json
import secrets
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from backups.simulator.access_rules import AccessRule, is_covered
from backups.simulator.account import Account, catalog, hex_id
from backups.simulator.errors import error
from backups.simulator.message import Answer, Question, answer_json
from backups.vbs.json_object import JsonObject

Clock = Callable[[], datetime]
Verdict = Literal["good", "missing", "unknown", "expired", "domain", "unscoped"]
Scope = Literal["project", "domain", "none"]


@dataclass(frozen=True, slots=True)
class Token:
    """`access_rules`: None opens every call."""

    expires_at: datetime
    scope: Scope
    access_rules: Sequence[AccessRule] | None = None


class Refused(Exception):
    """The sign-in is refused with this status; the message is Keystone's."""

    def __init__(
        self, status: int, message: str = "The request you have made requires authentication."
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Keystone:
    """Issues and checks tokens. Safe to use from many threads."""

    def __init__(
        self, account: Account, *, clock: Clock, token_seconds: float, url: str, flavor: str
    ) -> None:
        self._account = account
        self._clock = clock
        self._flavor = flavor
        self.url = url
        # Which of "vbs" and "cbr" the catalog names, and how.
        self.apis: Collection[str] = ("vbs",)
        self.cbr_project = False
        self._lifetime = timedelta(seconds=token_seconds)
        self._tokens: dict[str, Token] = {}
        # Of the application credential, for the tokens that it gets from now on.
        self.access_rules: Sequence[AccessRule] | None = None
        self._lock = threading.Lock()

    def issue(
        self, scope: Scope = "project", access_rules: Sequence[AccessRule] | None = None
    ) -> str:
        token = "gAAAA" + secrets.token_urlsafe(48)
        with self._lock:
            self._tokens[token] = Token(self._clock() + self._lifetime, scope, access_rules)
        return token

    def revoke_all(self) -> None:
        """Expires every token issued so far."""
        long_ago = datetime.min.replace(tzinfo=UTC)
        with self._lock:
            for text, token in self._tokens.items():
                self._tokens[text] = replace(token, expires_at=long_ago)

    def check(self, text: str | None) -> Verdict:
        if not text:
            return "missing"
        token = self._tokens.get(text)
        if token is None:
            return "unknown"
        if token.expires_at <= self._clock():
            return "expired"
        if token.scope == "project":
            return "good"
        return "domain" if token.scope == "domain" else "unscoped"

    def opens(self, text: str, *, service: str, method: str, path: str) -> bool:
        """Do the access rules of a good token cover this call?"""
        rules = self._tokens[text].access_rules
        return rules is None or is_covered(rules, service=service, method=method, path=path)

    def version(self) -> Answer:
        version = {
            "id": "v3.14",
            "status": "stable",
            "updated": "2020-04-07T00:00:00Z",
            "links": [{"rel": "self", "href": f"{self.url}/v3/"}],
            "media-types": [
                {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
            ],
        }
        return answer_json({"version": version})

    def sign_in(self, question: Question) -> Answer:
        try:
            auth = _auth_of(question.body)
            methods = self._identify(auth["identity"])
            if "application_credential" in methods:
                scope: Scope = "project"
            else:
                scope = self._scope(auth.get("scope"))
        except Refused as refused:
            return error(refused.status, "keystone", message=refused.message)
        except (KeyError, TypeError, AttributeError, IndexError):
            return error(
                400, "keystone", message="Expecting to find identity with methods in auth."
            )
        rules = self.access_rules if "application_credential" in methods else None
        text = self.issue(scope, rules)
        body = self._body(methods, scope, self._tokens[text])
        if scope != "none" and "nocatalog" not in question.query:
            body["catalog"] = catalog(
                self.url,
                project_id=self._account.project_id,
                flavor=self._flavor,
                apis=self.apis,
                cbr_project=self.cbr_project,
            )
        return answer_json({"token": body}, 201, X_Subject_Token=text, Vary="X-Auth-Token")

    def _identify(self, identity: Any) -> list[str]:
        """Returns the methods of a sign-in, each of them checked."""
        methods: list[str] = list(identity["methods"])
        checks = {
            "password": self._check_password,
            "application_credential": self._check_application,
            "token": self._check_token,
        }
        for method in methods:
            if method not in checks:
                raise Refused(
                    401, f"Attempted to authenticate with an unsupported method: {method}."
                )
            if not checks[method](identity[method]):
                raise Refused(401)
        if not methods:
            raise Refused(401)
        return methods

    # The values of the request are read as they come: what is no mapping, or lacks a key, raises
    # KeyError, TypeError or AttributeError, which sign_in() answers with 400.

    def _check_password(self, credentials: Any) -> bool:
        user = credentials["user"]
        return self._is_user(user) and user.get("password") == self._account.password

    def _check_application(self, credentials: Any) -> bool:
        account = self._account
        if credentials.get("id") != account.application_credential_id:
            has_name = credentials.get("name") == account.application_credential_name
            if not has_name or not self._is_user(credentials.get("user") or {}):
                return False
        return bool(credentials.get("secret") == account.application_credential_secret)

    def _check_token(self, credentials: Any) -> bool:
        return self.check(credentials["id"]) in ("good", "domain", "unscoped")

    def _is_user(self, user: Any) -> bool:
        if "id" in user:
            return bool(user["id"] == self._account.user_id)
        has_name = user.get("name") == self._account.username
        return has_name and self._is_domain(user.get("domain") or {})

    def _is_domain(self, domain: Any) -> bool:
        if domain.get("id") == self._account.domain_id:
            return True
        return bool(domain.get("name") == self._account.domain_name)

    def _is_project(self, project: Any) -> bool:
        if project.get("id") == self._account.project_id:
            return True
        has_name = project.get("name") == self._account.project_name
        return has_name and self._is_domain(project.get("domain") or {})

    def _scope(self, scope: Any) -> Scope:
        """Returns the scope of a sign-in: a token without a project opens
        only global services (§7.1).
        """
        if not scope or scope == "unscoped":
            return "none"
        if "project" in scope:
            if self._is_project(scope["project"]):
                return "project"
        elif "domain" in scope and self._is_domain(scope["domain"]):
            return "domain"
        raise Refused(401)

    def _body(self, methods: list[str], scope: Scope, token: Token) -> JsonObject:
        account = self._account
        domain = {"id": account.domain_id, "name": account.domain_name}
        body: JsonObject = {
            "methods": methods,
            "user": {
                "id": account.user_id,
                "name": account.username,
                "domain": domain,
                "password_expires_at": None,
            },
            "audit_ids": [secrets.token_urlsafe(16)],
            "issued_at": _stamp(self._clock()),
            "expires_at": _stamp(token.expires_at),
        }
        if "application_credential" in methods:
            body["application_credential"] = self._application_credential(token)
        if scope == "none":
            return body
        body["roles"] = [{"id": hex_id("role reader"), "name": "reader"}]
        if scope == "domain":
            body["domain"] = domain
        else:
            body["project"] = {
                "id": account.project_id,
                "name": account.project_name,
                "domain": domain,
            }
        return body

    def _application_credential(self, token: Token) -> JsonObject:
        account = self._account
        credential: JsonObject = {
            "id": account.application_credential_id,
            "name": account.application_credential_name,
            "restricted": True,
        }
        if token.access_rules is not None:
            credential["access_rules"] = [
                {"id": hex_id(f"access rule {rule}"), **asdict(rule)} for rule in token.access_rules
            ]
        return credential


def _auth_of(body: bytes) -> JsonObject:
    try:
        auth = json.loads(body)["auth"]
    except (ValueError, KeyError, TypeError) as problem:
        raise Refused(400, "Expecting to find auth in request body.") from problem
    if not isinstance(auth, dict):
        raise Refused(400, "Expecting to find an object under auth.")
    return auth
