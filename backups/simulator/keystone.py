"""Keystone v3, as much of it as signing in needs: version document, tokens, catalog
(`backups/vbs/API.md` §7.1).
"""

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from backups.simulator.account import Account, catalog, hex_id
from backups.simulator.errors import error
from backups.simulator.message import Answer, Question, answer_json

Clock = Callable[[], datetime]
Verdict = Literal["good", "missing", "unknown", "expired", "domain", "unscoped"]
Scope = Literal["project", "domain", "none"]


@dataclass(frozen=True, slots=True)
class Token:
    expires_at: datetime
    scope: Scope


class Refused(Exception):
    """The sign-in is refused with this status; the message is Keystone's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _refuse() -> Refused:
    return Refused(401, "The request you have made requires authentication.")


class Keystone:
    """Issues and checks tokens. Safe to use from many threads."""

    def __init__(
        self, account: Account, *, clock: Clock, token_seconds: float, url: str, flavor: str
    ) -> None:
        self._account, self._clock, self._flavor, self.url = account, clock, flavor, url
        self._lifetime = timedelta(seconds=token_seconds)
        self._tokens: dict[str, Token] = {}
        self._lock = threading.Lock()

    def issue(self, scope: Scope = "project") -> str:
        token = "gAAAA" + secrets.token_urlsafe(48)
        with self._lock:
            self._tokens[token] = Token(self._clock() + self._lifetime, scope)
        return token

    def revoke_all(self) -> None:
        """Every token issued so far is expired from now on."""
        with self._lock:
            self._tokens = {
                text: Token(datetime.min.replace(tzinfo=t.expires_at.tzinfo), t.scope)
                for text, t in self._tokens.items()
            }

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
            scope = (
                "project" if "application_credential" in methods else self._scope(auth.get("scope"))
            )
        except Refused as refused:
            return error(refused.status, "keystone", message=refused.message)
        except (KeyError, TypeError, AttributeError, IndexError):
            return error(
                400, "keystone", message="Expecting to find identity with methods in auth."
            )
        text = self.issue(scope)
        body = {
            "token": self._body(
                methods, scope, self._tokens[text], with_catalog="nocatalog" not in question.query
            )
        }
        return answer_json(body, 201, X_Subject_Token=text, Vary="X-Auth-Token")

    def _identify(self, identity: dict[str, Any]) -> list[str]:
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
                raise _refuse()
        if not methods:
            raise _refuse()
        return methods

    def _check_password(self, given: dict[str, Any]) -> bool:
        return (
            self._is_user(given["user"]) and given["user"].get("password") == self._account.password
        )

    def _is_user(self, user: dict[str, Any]) -> bool:
        if "id" in user:
            return bool(user["id"] == self._account.user_id)
        return user.get("name") == self._account.username and self._is_domain(
            user.get("domain") or {}
        )

    def _is_domain(self, domain: dict[str, Any]) -> bool:
        return (
            domain.get("id") == self._account.domain_id
            or domain.get("name") == self._account.domain_name
        )

    def _check_application(self, given: dict[str, Any]) -> bool:
        account = self._account
        by_name = given.get("name") == account.application_credential_name and self._is_user(
            given.get("user") or {}
        )
        known = given.get("id") == account.application_credential_id or by_name
        return known and given.get("secret") == account.application_credential_secret

    def _check_token(self, given: dict[str, Any]) -> bool:
        return self.check(given["id"]) in ("good", "domain", "unscoped")

    def _scope(self, asked: Any) -> Scope:
        """A token without a project opens only global services (§7.1)."""
        if not asked or asked == "unscoped":
            return "none"
        if "project" in asked:
            project = asked["project"]
            by_name = project.get("name") == self._account.project_name and self._is_domain(
                project.get("domain") or {}
            )
            if project.get("id") == self._account.project_id or by_name:
                return "project"
            raise _refuse()
        if "domain" in asked and self._is_domain(asked["domain"]):
            return "domain"
        raise _refuse()

    def _body(
        self, methods: list[str], scope: Scope, token: Token, *, with_catalog: bool
    ) -> dict[str, Any]:
        account = self._account
        domain = {"id": account.domain_id, "name": account.domain_name}
        body: dict[str, Any] = {
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
        if with_catalog:
            body["catalog"] = catalog(self.url, project_id=account.project_id, flavor=self._flavor)
        return body


def _auth_of(body: bytes) -> dict[str, Any]:
    try:
        auth = json.loads(body)["auth"]
    except (ValueError, KeyError, TypeError) as problem:
        raise Refused(400, "Expecting to find auth in request body.") from problem
    if not isinstance(auth, dict):
        raise Refused(400, "Expecting to find an object under auth.")
    return auth
