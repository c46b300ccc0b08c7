"""Reads settings from the environment and `.env`. A wrong value raises a ConfigurationError that
names the variable and the cure.
"""

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from io import StringIO
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

from backups.vbs.errors import ConfigurationError
from backups.vbs.proxies import VARIABLES as PROXY_VARIABLES
from backups.vbs.quoted import quoted
from backups.vbs.url_parts import DEFAULT_PORTS, HIGHEST_PORT

# No underscore: Django answers to no such name.
_HOST_NAME = re.compile(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*")
_ORIGIN = re.compile(
    r"https?://(\*\.)?([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?",
    re.IGNORECASE,
)
_ZONE = re.compile("%[^/]*")  # of an address of IPv6
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_IN_SINGLE_QUOTES = re.compile(r"[^=#]*=[^\S\n]*'")
SHORTEST_SECRET_KEY = 32  # characters
LOOPBACK = ["127.0.0.0/8", "::1"]
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
MAPPED_BITS = 96  # in front of the 32 of an IPv4 address that is written as IPv6

Network = IPv4Network | IPv6Network


def read(environ: Mapping[str, str], *, dotenv: Path) -> dict[str, str]:
    """Returns the variables of the file `dotenv` with those of the environment over them."""
    try:
        text = dotenv.read_text(encoding="utf-8") if dotenv.exists() else ""
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError(f"{dotenv} cannot be read: make it a readable UTF-8 file.") from e
    from_file: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        place = f"{dotenv}, line {binding.original.line},"
        if binding.error or not _NAME.fullmatch(binding.key or "COMMENT"):
            raise ConfigurationError(f"{place} is no NAME=value: correct it there.")
        # A comment has no name, and a name without "=" no value.
        if binding.key is None or binding.value is None:
            continue
        value = binding.value
        if not _IN_SINGLE_QUOTES.match(binding.original.string):
            value = _filled_in(value, {**from_file, **environ}, place)
        from_file[binding.key] = value
    for name in _in_the_other_case(from_file, environ):
        del from_file[name]
    return {**from_file, **environ}


def _filled_in(text: str, values: Mapping[str, str], place: str) -> str:
    """Returns the text with `${NAME}` and `${NAME:-default}` replaced."""
    filled_in = ""
    for part in parse_variables(text):
        if isinstance(part, Variable) and part.default is None and part.name not in values:
            raise ConfigurationError(
                f"{place} takes a variable in ${{}} that is not set: set it, or put the value in "
                "single quotes, in which nothing is replaced."
            )
        filled_in += part.resolve(values)
    return filled_in


def _in_the_other_case(from_file: Iterable[str], environ: Iterable[str]) -> list[str]:
    """Returns the proxies of the file that the environment names in the other case: of the two
    spellings small letters count, but the environment wins.
    """
    from_environment = {name.lower() for name in environ} & set(PROXY_VARIABLES)
    return [name for name in from_file if name.lower() in from_environment]


def flag(env: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """Returns `default` where nothing is set, or an empty text."""
    value = env.get(name, "").strip().lower()
    if not value:
        return default
    if value not in TRUE | FALSE:
        raise ConfigurationError(f"{name} is {quoted(env[name])}: write 1 or 0.")
    return value in TRUE


def names(env: Mapping[str, str], name: str) -> list[str]:
    """Returns the parts of a comma-separated variable."""
    return [part.strip() for part in env.get(name, "").split(",") if part.strip()]


def port(env: Mapping[str, str]) -> int:
    value = env.get("PORT") or "8000"
    if not re.fullmatch("[0-9]{1,5}", value) or int(value) > 65535:
        raise ConfigurationError(
            f"PORT is {quoted(value)}: write a number from 0 to 65535; 0 takes a free one."
        )
    return int(value)


def days(env: Mapping[str, str], name: str, default: int) -> int:
    """Returns a whole number of days, at least one."""
    value = env.get(name) or str(default)
    if not re.fullmatch("[1-9][0-9]{0,4}", value):
        raise ConfigurationError(
            f"{name} is {quoted(value)}: write a number of days from 1 to 99999."
        )
    return int(value)


def hosts(env: Mapping[str, str]) -> list[str]:
    """Returns them as Django compares them: in lower case, without a dot at the end, an address
    of IPv6 in its shortest spelling.
    """
    allowed_hosts = []
    for text in names(env, "ALLOWED_HOSTS"):
        host = _host(text.lower())
        if host is None:
            raise ConfigurationError(
                f"ALLOWED_HOSTS holds {quoted(text)}: write names and addresses, with commas "
                "between them and without http://, path, port and underscore, as "
                "backups.example.com, .example.com for all names below it, or [2001:db8::1]."
            )
        allowed_hosts.append(host)
    return allowed_hosts


def _host(text: str) -> str | None:
    if text == "*":
        return text
    if text.startswith("[") and text.endswith("]"):
        try:
            return f"[{IPv6Address(text[1:-1])}]"
        except ValueError:
            return None
    name = text.removesuffix(".")
    return name if _HOST_NAME.fullmatch(name) else None


def origins(env: Mapping[str, str]) -> list[str]:
    """Returns origins as browsers write them: in lower case, without the scheme's own port."""
    trusted_origins = []
    for origin in names(env, "CSRF_TRUSTED_ORIGINS"):
        match = _ORIGIN.fullmatch(origin)
        if match is None or int(match["port"] or 1) > HIGHEST_PORT:
            raise ConfigurationError(
                f"CSRF_TRUSTED_ORIGINS holds {quoted(origin)}: write each as https://host or "
                "https://host:port, with commas between them and no path."
            )
        scheme = origin.partition(":")[0].lower()
        own_port = f":{DEFAULT_PORTS[scheme]}"
        trusted_origins.append(origin.lower().removesuffix(own_port))
    return trusted_origins


def trusted_proxies(env: Mapping[str, str]) -> tuple[Network, ...]:
    """Returns the networks whose forwarded headers count; an address is a network of one.
    IPv4 that is written as IPv6 (`::ffff:10.0.0.5`) becomes IPv4.
    """
    networks = []
    for text in names(env, "VBSDASH_TRUSTED_PROXIES") or LOOPBACK:
        # A zone is not compared: PostgreSQL's type of addresses, which keeps clients, knows none.
        network = None if text == "*" else _network(_ZONE.sub("", text))
        if network is None or network.network_address.is_unspecified:
            raise ConfigurationError(
                f"VBSDASH_TRUSTED_PROXIES holds {quoted(text)}, by which every client could choose "
                "its own address: write those of the proxies, as 10.0.0.5 or 192.168.0.0/16."
            )
        networks.append(network)
    return tuple(networks)


def _network(text: str) -> Network:
    try:
        return _as_ipv4(ip_network(text))
    except ValueError:
        pass
    beginning = f"VBSDASH_TRUSTED_PROXIES holds {quoted(text)}"
    try:
        network = ip_network(text, strict=False)
    except ValueError as e:
        raise ConfigurationError(
            f"{beginning}: write addresses and networks, with commas between them and without "
            "names, ports and brackets, as 10.0.0.5, 192.168.0.0/16."
        ) from e
    address = text.partition("/")[0]
    raise ConfigurationError(
        f"{beginning}: write {network} for the whole network, or {address} for the one address."
    )


def _as_ipv4(network: Network) -> Network:
    """Returns the IPv4 network that this one is in the spelling of IPv6, else itself."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    return ip_network((mapped, network.prefixlen - MAPPED_BITS))


def data_dir(env: Mapping[str, str], default: Path) -> Path:
    """Returns the data folder; makes it for its owner alone where there is none yet."""
    path = Path(env.get("VBSDASH_DATA_DIR") or default)
    try:
        path = path.expanduser().absolute()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / ".writable").touch()
        (path / ".writable").unlink(missing_ok=True)
    except (OSError, RuntimeError) as e:
        # A RuntimeError says that the user in ~USER does not exist; it has no strerror.
        reason = getattr(e, "strerror", None) or "there is no such user"
        raise ConfigurationError(
            f"VBSDASH_DATA_DIR: {path} cannot be written ({reason}): name another folder."
        ) from e
    return path


def alive_dir(env: Mapping[str, str]) -> Path | None:
    """Returns the folder of the signs of life, which is made where there is none; None: there are
    to be no signs.
    """
    text = env.get("VBSDASH_ALIVE_DIR")
    if not text:
        return None
    path = Path(text)
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        reason = None if os.access(path, os.W_OK) else "it may not be written"
    except (OSError, ValueError) as e:
        # A ValueError says that the path holds a NUL.
        reason = getattr(e, "strerror", None) or "it is no path"
    if reason is None and not path.is_absolute():
        reason = "it does not begin with /"
    if reason is not None:
        raise ConfigurationError(
            f"VBSDASH_ALIVE_DIR is {quoted(text)}, which cannot be used ({reason}): name a folder "
            "that this container alone has, as /dev/shm/vbsdash."
        )
    return path


def secret_key(env: Mapping[str, str], file: Path) -> str:
    """Returns SECRET_KEY, or the key in `file`, which is made once and has mode 0600."""
    key = env.get("SECRET_KEY")
    if key:
        if len(key) < SHORTEST_SECRET_KEY:
            raise ConfigurationError(
                "SECRET_KEY is shorter than 32 characters: write a longer one, or none at all."
            )
        return key
    try:
        if not file.exists() or not file.stat().st_size:
            _make_secret_key(file)
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError(
            f"{file} cannot be read or made: remove it, or set SECRET_KEY."
        ) from e


def secret_key_fallbacks(env: Mapping[str, str], secret_key: str) -> list[str]:
    """Returns the keys of before, whose sessions and signatures still count."""
    fallbacks = names(env, "SECRET_KEY_FALLBACKS")
    for key in fallbacks:
        if len(key) < SHORTEST_SECRET_KEY:
            raise ConfigurationError(
                "SECRET_KEY_FALLBACKS holds a key that is shorter than 32 characters: write the "
                "keys that SECRET_KEY was before, whole, with commas between them."
            )
    if secret_key in fallbacks:
        raise ConfigurationError(
            "SECRET_KEY_FALLBACKS holds SECRET_KEY itself: set a new SECRET_KEY, or remove it "
            "there."
        )
    return fallbacks


def _make_secret_key(file: Path) -> None:
    """Writes a new key into `file`. Of several processes that start at once the first one wins;
    the others will read its key.
    """
    new_file = file.with_suffix(f".{secrets.token_hex(4)}")
    new_file.touch(mode=0o600)
    new_file.write_text(secrets.token_urlsafe(50))
    try:
        if file.exists():
            # It is empty: a disk was full when it was written.
            new_file.replace(file)
        else:
            # Unlike a rename this fails where another process has made the file meanwhile.
            file.hardlink_to(new_file)
    except FileExistsError:
        pass
    finally:
        new_file.unlink(missing_ok=True)
