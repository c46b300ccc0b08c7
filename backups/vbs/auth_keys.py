"""Reads how one entry of clouds.yaml signs in: the keys of `auth`, and those of them that stand
beside it.

A key that this way to sign in does not have is refused with where it belongs, since other tools
would not start with it either.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

from backups.vbs.auth import sign_in_class
from backups.vbs.config_keys import ConfigKeys
from backups.vbs.ids import why_no_id
from backups.vbs.known_keys import (
    BLOCK_STORAGE_KEYS,
    PLAIN_KEYS,
    VBS_KEYS,
    holds_value,
    meant,
    shown,
    without_value,
)

# In the order in which they are proposed for the keys that are given.
_KINDS = (
    "password",
    "v3applicationcredential",
    "token",
    "aksk",
    "v3totp",
    "v3oidcpassword",
    "v3oidcaccesstoken",
    "v3oidcclientcredentials",
    "v3oauth2clientcredential",
)
# Of two names for one thing both may be there if they agree.
_SAME = (("tenant_id", "project_id"), ("tenant_name", "project_name"), ("user_name", "username"))
_PROJECT_IDS = ("project_id", "tenant_id")
_PROJECT = ("project_id", "project_name", "tenant_id", "tenant_name")
# Beside `auth` they are what other tools sign their calls to an object store with.
_OF_OBJECT_STORES = frozenset({"ak", "sk"})


@cache
def _keys_of_all_kinds() -> frozenset[str]:
    known: set[str] = set()
    for kind in _KINDS:
        known |= set(sign_in_class(kind).accepted_keys(kind))
    return frozenset(known)


@dataclass(frozen=True)
class AuthKeys:
    """`has_auth_type`: the entry names the way to sign in, it is not the default."""

    entry: Mapping[str, object]
    auth_type: str
    keys: ConfigKeys
    has_auth_type: bool

    @property
    def accepted(self) -> Collection[str]:
        return sign_in_class(self.auth_type).accepted_keys(self.auth_type)

    @property
    def known(self) -> Collection[str]:
        """Returns the keys of all ways to sign in."""
        return _keys_of_all_kinds() | set(self.accepted)

    def checked(self, inner: Mapping[str, object], region: str | None) -> dict[str, str | None]:
        """Returns what signs in; `inner` is the mapping `auth`. Of an unknown way to sign in
        nothing is read.
        """
        accepted = self.accepted
        if not accepted:
            return {}
        for key in inner:
            if key not in accepted:
                self._refuse_unknown(key, inner)
        scope = inner.get("system_scope") or self.entry.get("system_scope")
        if scope and "system_scope" in accepted:
            self.keys.refuse_unsupported(
                f"{self.keys.name('system_scope', in_auth=True)} is not supported, backups belong "
                f"to a project: write {self.keys.name('project_name')} instead"
            )
        auth: dict[str, str | None] = {}
        for key in accepted:
            value = self._value(key, inner)
            if value is not None:
                auth[key] = value
        self._refuse_other_kind(auth)
        self._refuse_contradictions(auth)
        auth_url = auth.get("auth_url")
        if auth_url is not None:
            auth["auth_url"] = self._address(auth_url, region)
        return auth

    def warnings(self) -> list[str]:
        """Returns a sentence for each key beside `auth` that belongs to another way to sign in."""
        sentences: list[str] = []
        for key in self._strays():
            if key not in _OF_OBJECT_STORES:
                name = self.keys.name(key)
                sentences.append(f"{name} is not used: auth_type {self.auth_type} does not have it")
        return sentences

    def _strays(self) -> list[str]:
        accepted = self.accepted
        return sorted(key for key in self.entry if key in self.known and key not in accepted)

    def _value(self, key: str, inner: Mapping[str, object]) -> str | None:
        """Returns a value from `auth` or from beside it, as some write it."""
        if key in _PROJECT_IDS:
            self._check_project_id(key, inner.get(key) or self.entry.get(key))
        value = self.keys.text(key, inner.get(key), in_auth=True)
        outer = self.keys.text(key, self.entry.get(key))
        if value is not None and outer not in (None, value):
            self.keys.refuse(f"{key} stands in auth and beside it, with two values: remove one")
        return outer if value is None else value

    def _refuse_unknown(self, key: str, inner: Mapping[str, object]) -> None:
        if inner[key] is None and holds_value(key):
            self.keys.refuse(f"in auth, {without_value(key, self.known)}")
        problem = f"auth holds the unknown key {shown(key)!r}"
        if key in PLAIN_KEYS or key in VBS_KEYS or key in BLOCK_STORAGE_KEYS:
            self.keys.refuse(f"{problem}: it belongs beside auth, move it there")
        kind = self._kind_of(key, inner)
        if kind is not None:
            self._refuse_kind(key, kind)
        probable = meant(key, [*self.accepted, *PLAIN_KEYS])
        if probable is not None and probable not in inner:
            place = " beside auth" if probable in PLAIN_KEYS else ""
            self.keys.refuse(f"{problem}: did you mean {probable}{place}?")
        other = meant(key, self.known)
        if other is not None and other not in self.accepted:
            kind = self._kind_of(other, [other])
            self.keys.refuse(f"{problem}: did you mean {other}, a key of auth_type {kind}?")
        if inner[key] is None:
            self.keys.refuse(f"in auth, {without_value(key)}")
        self.keys.refuse(f"{problem}: remove or correct it")

    def _refuse_other_kind(self, auth: Mapping[str, str | None]) -> None:
        """Refuses keys beside `auth` that fit another way to sign in, where none is named and the
        default one does not work or would contradict them.
        """
        if self.has_auth_type:
            return
        for key in self._strays():
            if key in _OF_OBJECT_STORES and auth.get("password"):
                continue
            kind = self._kind_of(key, [key, *auth])
            if kind is not None:
                self._refuse_kind(key, kind)
        if auth.get("password"):
            return
        for key in self.entry:
            other = meant(key, _OF_OBJECT_STORES)
            if other is not None:
                self.keys.refuse(
                    f"{self.keys.name('auth_type')} is missing: {self.keys.name(key)} looks like "
                    f"{self.keys.name(other)} of aksk, write that name and auth_type aksk"
                )

    def _refuse_kind(self, key: str, kind: str) -> None:
        name = self.keys.name(key)
        type_name = self.keys.name("auth_type")
        written = f"{type_name}={kind}" if self.keys.from_variables else f"{type_name}: {kind}"
        if not self.has_auth_type:
            self.keys.refuse(
                f"{type_name} is missing: {name} is a key of {kind}, write {written}"
                + ("" if self.keys.from_variables else " beside auth")
            )
        self.keys.refuse(
            f"auth holds the unknown key {key!r}: it is one of auth_type {kind} and not of "
            f"{self.auth_type}, correct auth_type or remove the key"
        )

    def _kind_of(self, key: str, all_keys: Collection[str]) -> str | None:
        """Returns the way to sign in that has a key, if possible with all the others."""
        kinds: list[str] = []
        for kind in _KINDS:
            accepted = sign_in_class(kind).accepted_keys(kind)
            if key in accepted:
                kinds.append(kind)
                if set(all_keys) <= set(accepted):
                    return kind
        return kinds[0] if kinds else None

    def _refuse_contradictions(self, auth: Mapping[str, str | None]) -> None:
        for old_key, key in _SAME:
            if old_key in auth and key in auth and auth[old_key] != auth[key]:
                self._refuse_pair(old_key, key, "say different things")
        if "auth_url" not in self.accepted:
            return
        has_project = any(key in auth for key in _PROJECT)
        for owner in ("user", "project"):
            name = f"{owner}_domain_name"
            is_named_twice = "domain_id" in auth and name in auth
            if has_project and is_named_twice and f"{owner}_domain_id" not in auth:
                self._refuse_pair("domain_id", name, f"both name the domain of the {owner}")
        if has_project and "trust_id" in auth:
            project = next(key for key in _PROJECT if key in auth)
            self._refuse_pair("trust_id", project, "both name the project")

    def _refuse_pair(self, key: str, other_key: str, problem: str) -> None:
        names = f"{self.keys.name(key)} and {self.keys.name(other_key, in_auth=True)}"
        self.keys.refuse(f"{names} {problem}: remove one of them")

    def _check_project_id(self, key: str, value: object) -> None:
        why = why_no_id(value) if value and isinstance(value, str) else None
        if why is not None:
            self.keys.refuse(f"{self.keys.name(key, in_auth=True)} is no ID of a project: {why}")

    def _address(self, auth_url: str, region: str | None) -> str:
        auth_url = self.keys.filled_url("auth_url", auth_url, region)
        name = self.keys.name("auth_url", in_auth=True)
        end = auth_url.rstrip("/").lower()
        if end.endswith(("/v2.0", "/v2")):
            self.keys.refuse_unsupported(f"{name} is of version 2 of the identity API: write …/v3")
        if end.endswith("/tokens"):
            self.keys.refuse(f"{name} goes too far: end it with /v3")
        return auth_url
