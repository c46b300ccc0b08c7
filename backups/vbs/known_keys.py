"""What the keys of an entry of clouds.yaml are about: us, another service, or nobody knows.

The file is shared with all OpenStack tools. A key that says how to sign in, or how the backup and
volume services are reached, is obeyed or refused; one that concerns other services alone is left
alone; an unknown one is named in a warning, with the key that was probably meant. Meanings are
those of openstacksdk 4.x.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

VBS_KEYS: Final = (
    "vbs_endpoint_override",
    "vbs_type_full",
    "vbs_api",
    "vbs_requests_per_second",
    "vbs_follow",
    "vbs_quota_backups",
    "vbs_quota_gigabytes",
)
PLAIN_KEYS: Final = (
    "auth",
    "auth_type",
    "region_name",
    "interface",
    "endpoint_type",
    "verify",
    "insecure",
    "cacert",
    "cert",
    "key",
)
# OpenStack's names of the volume service, in the order in which other tools look for its keys.
BLOCK_STORAGE: Final = ("block_storage", "volumev3", "volumev2", "volume", "block_store")
# What may stand behind the name of a service, with _ in between. The first group is obeyed for the
# volume service.
_WAY_TO_SERVICE: Final = (
    "endpoint_override",
    "endpoint",
    "interface",
    "endpoint_type",
    "region_name",
    "api_version",
    "service_type",
)
_TUNING: Final = (
    "concurrency",
    "connect_retries",
    "connect_retry_delay",
    "default_microversion",
    "rate_limit",
    "retriable_status_codes",
    "status_code_retries",
    "status_code_retry_delay",
    "timeout",
)
_SUFFIXES: Final = (*_WAY_TO_SERVICE, *_TUNING, "service_name")
BLOCK_STORAGE_KEYS: Final = frozenset(
    f"{service}_{suffix}" for service in BLOCK_STORAGE for suffix in _WAY_TO_SERVICE
)
_INSTEAD_OF_PROFILE: Final = (
    "write the profile's auth_url and the other keys into the entry in its place (`openstack "
    "configuration show` prints them)"
)
REFUSED: Final = {
    "profile": f"is not supported: {_INSTEAD_OF_PROFILE}",
    "cloud": f"is the old name of profile, which is not supported: {_INSTEAD_OF_PROFILE}",
    "regions": "is not supported: write one entry with region_name for each region",
    "vendor_hook": "is not supported, it names code that only openstacksdk runs: write what it "
    "sets into the entry, and remove it",
    "auth_plugin": "is the old name of auth_type: write auth_type",
    "vbsv2_interface": "is not supported: write interface",
    "vbsv2_region_name": "is not supported: write region_name",
    "vbsv2_endpoint_override": "is not supported: write vbs_endpoint_override",
    "evs_interface": "is not supported: write volume_interface",
    "evs_region_name": "is not supported: write volume_region_name",
    "evs_endpoint_override": "is not supported: write volume_endpoint_override",
    **{
        f"{service}_service_name": "is not supported: write the endpoint override of the service"
        for service in BLOCK_STORAGE
    },
}
# They tune the calls of other tools; ours have deadlines and a budget of their own.
_UNUSED: Final = frozenset(
    {
        "api_timeout",
        *_TUNING,
        *(f"{service}_{suffix}" for service in BLOCK_STORAGE for suffix in _TUNING),
    }
)
_UNUSED_IDENTITY: Final = frozenset({"identity_endpoint_override", "identity_endpoint"})
_OTHER_TOOLS: Final = frozenset(
    {
        "access_key",
        "additional_properties",
        "additional_user_agent",
        "ak",
        "app_name",
        "app_version",
        "auth_methods",
        "cache",
        "client",
        "compute",
        "debug",
        "default_network",
        "disable_vendor_agent",
        "external_network",
        "external_ipv4_networks",
        "external_ipv6_networks",
        "floating_ip_source",
        "force_ipv4",
        "image_api_use_tasks",
        "image_format",
        "influxdb",
        "internal_ipv4_networks",
        "internal_ipv6_networks",
        "internal_network",
        "log_file",
        "log_level",
        "message",
        "metrics",
        "nat_destination",
        "nat_source",
        "networks",
        "object_store_type",
        "prefer_ipv6",
        "private",
        "requires_floating_ip",
        "routes_externally",
        "secgroup_source",
        "secret_key",
        "sk",
        "statsd",
        "status",
        "timing",
        "use_external_network",
        "use_internal_network",
        "verbose_level",
    }
)
# Services whose keys look as if they were ours, and what to write instead.
_OUR_SERVICES: Final = {
    "backup": "vbs",
    "backups": "vbs",
    "csbs": "vbs",
    "vbsv2": "vbs",
    "cinder": "volume",
    "cinderv2": "volumev2",
    "cinderv3": "volumev3",
    "blockstorage": "block_storage",
    "blockstorev3": "volumev3",
    "evs": "volume",
    "evsv2": "volume",
    "volumes": "volume",
    "keystone": "identity",
}
# Names that people write, and the key that other tools know. Those of `auth` are the first.
_MEANT: Final = {
    "user": "username",
    "login": "username",
    "user_domain": "user_domain_name",
    "project": "project_name",
    "project_domain": "project_domain_name",
    "tenant": "project_name",
    "domain": "user_domain_name",
    "pass": "password",
    "url": "auth_url",
    "identity_url": "auth_url",
    "access_key_id": "ak",
    "access_key": "ak",
    "secret_key": "sk",
    "secret_access_key": "sk",
    "region": "region_name",
    "region_id": "region_name",
    "ca": "cacert",
    "ca_cert": "cacert",
    "ca_file": "cacert",
    "cafile": "cacert",
    "ca_bundle": "cacert",
    "client_cert": "cert",
    "client_key": "key",
    "cert_file": "cert",
    "key_file": "key",
    "verify_ssl": "verify",
    "ssl_verify": "verify",
    "tls_verify": "verify",
    "tls_insecure": "insecure",
    "skip_verify": "insecure",
    "validate_certs": "verify",
    "interfaces": "interface",
    "endpoint": "vbs_endpoint_override",
    "endpoint_override": "vbs_endpoint_override",
    "follow": "vbs_follow",
    "requests_per_second": "vbs_requests_per_second",
}
# Where a key ends with whose value YAML has made one key; what follows may be a password.
_END_OF_KEY = re.compile("[:：= ]")


def shown(key: object) -> str:
    """Returns a key as a sentence may quote it: on one line, not endless, without a value."""
    text = str(key)
    end = _END_OF_KEY.search(text)
    if end is not None:
        text = f"{text[: end.start()]}…"
    return text[:60] if text[:60].isprintable() and text else repr(text[:60])


def holds_value(key: object) -> bool:
    """Has YAML perhaps made one key of a key and its value?"""
    return _END_OF_KEY.search(str(key)) is not None


def without_value(key: object, candidates: Collection[str] = ()) -> str:
    """Returns what to say of a key that nobody knows and that has no value. It may be a value, or
    hold one, so nothing of it is quoted.
    """
    head = _END_OF_KEY.split(str(key))[0]
    probable = meant(head, candidates)
    if probable is not None:
        return f"{probable} is one key with its value: write a colon and a blank between them"
    return (
        "a key that nobody knows has no value, so it is not shown: write a blank behind the colon "
        "of a key, and put a value that holds a comma in quotes"
    )


def is_private(key: object) -> bool:
    """Is a key an anchor's home or a note, as people mark them in YAML?"""
    return isinstance(key, str) and key.startswith(("x-", "x_", ".", "_"))


def near(word: str, candidates: Iterable[str]) -> str | None:
    """Returns the candidate that a misspelt word probably means."""
    matches = difflib.get_close_matches(word, list(candidates), 1, 0.8)
    return matches[0] if matches else None


def meant(key: str, candidates: Collection[str]) -> str | None:
    """Returns which of the candidates an unknown key probably means."""
    word = re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_").removeprefix("os_")
    if word in candidates:
        return word
    if _MEANT.get(word) in candidates:
        return _MEANT[word]
    return near(word, candidates)


def warning(
    key: str,
    value: object,
    sign_in_keys: Collection[str],
    name: Callable[[str], str],
    *,
    is_ours: bool,
) -> str | None:
    """Returns what to say of a key that is not obeyed; None when it is, or when it concerns other
    services alone. `name` writes a key as the operator does. With `is_ours` a key that resembles
    none that is known is a mistake too; else it may be anybody's.
    """
    written = shown(name(key))
    all_keys = {*PLAIN_KEYS, *VBS_KEYS, *sign_in_keys}
    if key in all_keys or key in BLOCK_STORAGE_KEYS:
        return None
    if key in _UNUSED:
        return f"{written} is not used: vbsdash chooses deadlines, budget and version of its calls"
    if key in _UNUSED_IDENTITY:
        return f"{written} is not used: the sign-in goes to auth_url"
    if key.endswith("proxy"):
        return f"{written} is not used: name proxies in HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    if key in _OTHER_TOOLS or key.startswith(("has_", "disabled_reason_")) or is_private(key):
        return None
    probable: str | None = None
    service, suffix = _service_and_suffix(key)
    if suffix is not None and service != "os":
        our_service = _OUR_SERVICES.get(service) or near(service, [*BLOCK_STORAGE, "identity"])
        if our_service is None or our_service == service:
            return None
        probable = f"{our_service}_{suffix}"
    else:
        probable = meant(key, all_keys)
    if probable is None and not is_ours:
        return None
    if value is None and (probable is None or holds_value(key)):
        return without_value(key, all_keys)
    if probable is None:
        return f"nobody knows the key {written}: remove it, or correct its name"
    return f"nobody knows the key {written}: did you mean {name(probable)}?"


def _service_and_suffix(key: str) -> tuple[str, str | None]:
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if key.endswith(f"_{suffix}"):
            return key.removesuffix(f"_{suffix}"), suffix
    return key, None
