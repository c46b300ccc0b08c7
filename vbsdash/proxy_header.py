"""The headers by which a proxy says who has signed in with it, as VBSDASH_PROXY_… name them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from backups.vbs.errors import ConfigurationError
from backups.vbs.quoted import quoted

USER, GROUPS = "VBSDASH_PROXY_USER_HEADER", "VBSDASH_PROXY_GROUPS_HEADER"
SECRET_HEADER, SECRET = "VBSDASH_PROXY_SECRET_HEADER", "VBSDASH_PROXY_SECRET"
SHORTEST_SECRET = 32  # characters
_HEADER = re.compile("[A-Za-z0-9]+(-[A-Za-z0-9]+)+")
# What browsers and other proxies fill in.
_TAKEN = re.compile(
    "(x-forwarded|accept|access-control|content|if|sec|user-agent|x-csrf|x-real|x-request)(-.*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ProxyHeader:
    """Names of headers, and the secret that the proxy sends beside them."""

    user: str
    groups: str
    secret_header: str
    secret: str = field(repr=False)

    @property
    def is_configured(self) -> bool:
        return bool(self.user)


NO_HEADER = ProxyHeader("", "", "", "")


def read(env: Mapping[str, str]) -> ProxyHeader:
    """Returns NO_HEADER where none is named: the default."""
    names = (USER, GROUPS, SECRET_HEADER, SECRET)
    written = [name for name in names if env.get(name)]
    if not written:
        return NO_HEADER
    for name in names:
        if name not in written:
            raise ConfigurationError(
                f"{name} is missing beside {written[0]}: set all of {', '.join(names)}, or none."
            )
    secret = env[SECRET]
    if len(secret) < SHORTEST_SECRET or not secret.isascii() or not secret.isprintable():
        raise ConfigurationError(
            f"{SECRET} is no text of {SHORTEST_SECRET} plain characters or more: take what "
            "openssl rand -hex 32 prints."
        )
    if "," in secret or " " in secret:
        raise ConfigurationError(
            f"{SECRET} holds a comma or a blank: take what openssl rand -hex 32 prints."
        )
    headers = [_header(env, name) for name in (USER, GROUPS, SECRET_HEADER)]
    user, groups, secret_header = headers
    if len({header.lower() for header in headers}) < len(headers):
        raise ConfigurationError(f"{USER}, {GROUPS} and {SECRET_HEADER} are not three names.")
    return ProxyHeader(user, groups, secret_header, secret)


def _header(env: Mapping[str, str], name: str) -> str:
    header = env[name]
    if not _HEADER.fullmatch(header):
        raise ConfigurationError(
            f"{name} is {quoted(header)}: write words with hyphens between them, as X-Remote-User; "
            "web servers drop headers with an underscore."
        )
    if _TAKEN.fullmatch(header):
        raise ConfigurationError(
            f"{name} is {quoted(header)}, which browsers or proxies fill in by themselves: take "
            "another one, as X-Remote-User."
        )
    return header
