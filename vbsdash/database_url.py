"""The database: DATABASE_URL, judged and made Django's DATABASES entry.

Not dj-database-url, which makes numbers of options such as `password=0123`, takes + for a blank
and writes the folder of a socket in small letters.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backups.vbs.errors import ConfigurationError
from backups.vbs.url_parts import UrlParts, WrongUrl, refuse_unknown_options, take_apart
from vbsdash.process_role import LIMITS, Role

# A PostgreSQL server that is gone without a word is noticed within half a minute, while connecting,
# asking or waiting. What DATABASE_URL says of these after its question mark comes before them.
# Names and units are libpq's.
POSTGRESQL_TIMEOUTS = {
    "connect_timeout": 5,  # s
    "tcp_user_timeout": 15_000,  # ms until what was sent has to be confirmed
    "keepalives_idle": 10,  # s
    "keepalives_interval": 5,  # s
    "keepalives_count": 3,
}
# The same the other way round: the server ends the session of a host that is gone without a word,
# and with it the locks that everybody else waits for. Its own limits are the system's, two hours.
SERVER_TIMEOUTS = (
    "-c tcp_user_timeout=15000 -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 "
    "-c tcp_keepalives_count=3"
)
POSTGRESQL_EXAMPLE = "postgres://USER:PASSWORD@HOST:5432/NAME"
# The hosts of an address, what stands before them, and the rest.
_HOSTS = re.compile(r"(.*?://(?:[^/?#]*@)?)([^/?#@]*)(.*)", re.DOTALL)
SQLITE_EXAMPLE = "sqlite:////FOLDER/FILE"
NO_DATABASE = "names no database that all parts share: end it with /NAME or /FILE"
LONGEST_DATABASE_NAME = 63  # characters, of PostgreSQL
KEPT_CONNECTIONS = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}  # s
SQLITE_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
# Of the web part: each of its threads has a connection with a page cache of its own, which begins
# empty. Through mmap all of them read what the system has in memory anyway, and no page costs a
# call of the system. What is mapped counts as memory of the process, so all others go without.
SQLITE_PRAGMAS_OF_WEB = f"PRAGMA mmap_size={2**31 - 2**16};"  # the most that SQLite takes
SQLITE_LOCK_WAIT_S = 20


def database(env: Mapping[str, str], default: Path, *, folder: Path, role: Role) -> dict[str, Any]:
    """Returns Django's DATABASES entry for DATABASE_URL, or for the SQLite file `default`.

    A relative path of SQLite begins in `folder`. Sessions of PostgreSQL get the limits of `role`.
    """
    value = env.get("DATABASE_URL")
    if not value:
        return _sqlite(default, role)
    try:
        if value.strip().lower().startswith("sqlite:"):
            return _sqlite(folder / _sqlite_file(value), role)
        schemes = ("postgres", "postgresql", "sqlite")
        addresses = [
            take_apart(text, schemes=schemes, example=POSTGRESQL_EXAMPLE, by_libpq=True)
            for text in _for_each_host(value)
        ]
        return _postgresql(addresses, env, role)
    except WrongUrl as e:
        # The address may hold a password, so an error does not quote it.
        raise ConfigurationError(f"DATABASE_URL {e}.") from e


def _sqlite(file: Path, role: Role) -> dict[str, Any]:
    """SQLite gets WAL and takes its write lock at BEGIN, as the refresh engine needs it."""
    pragmas = SQLITE_PRAGMAS
    if role is Role.WEB:
        pragmas += SQLITE_PRAGMAS_OF_WEB
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        **KEPT_CONNECTIONS,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": SQLITE_LOCK_WAIT_S,
            "init_command": pragmas,
        },
    }


def _sqlite_file(value: str) -> str:
    """Returns the path in `sqlite:///PATH`. Raises WrongUrl."""
    if ":memory:" in value:
        raise WrongUrl(NO_DATABASE)
    # There is no host and no password, so these are parts of the path.
    text = value.strip().replace("@", "%40").replace(" ", "%20")
    parts = take_apart(text, schemes=("sqlite",), example=SQLITE_EXAMPLE, by_libpq=True)
    if parts.host or parts.port:
        raise WrongUrl(f"names a host where a file is meant: write {SQLITE_EXAMPLE}")
    refuse_unknown_options(parts, ())
    if not parts.path:
        raise WrongUrl(NO_DATABASE)
    return parts.path


def _for_each_host(value: str) -> list[str]:
    """Returns an address for each of the hosts with commas between them, which libpq tries one
    after the other.
    """
    match = _HOSTS.fullmatch(value)
    if match is None or "," not in match.group(2):
        return [value]
    hosts = match.group(2).split(",")
    if "" in hosts:
        raise WrongUrl("has a comma with no host before or after it: take it out")
    return [f"{match.group(1)}{host}{match.group(3)}" for host in hosts]


def _postgresql(
    addresses: Sequence[UrlParts], env: Mapping[str, str], role: Role
) -> dict[str, Any]:
    """Takes addresses that differ in host and port alone. What is not in them is left to libpq,
    and to its variables such as PGPASSWORD.
    """
    parts = addresses[0]
    if "/" in parts.raw_path[1:]:
        raise WrongUrl(
            f"has a / in the name of its database: write {POSTGRESQL_EXAMPLE}, a / in it as %2F"
        )
    options = dict(parts.options)
    if options.get("ssl") == "true":
        # As libpq takes it, for those who know it from Java.
        del options["ssl"]
        options.setdefault("sslmode", "require")
    _check_libpq_options(options)
    timeouts = _timeouts(options)
    in_address = {
        "host": ",".join(address.host for address in addresses),
        "port": ",".join(str(address.port or "") for address in addresses),
        "user": parts.user or "",
        "password": parts.password or "",
        "dbname": parts.path,
    }
    for name, value in in_address.items():
        if name in options and value:
            raise WrongUrl(f"names the {name} before and after its question mark: write it once")
        in_address[name] = value or options.pop(name, "")
    variables = {} if "service" in options else _libpq_variables(env)
    for name in in_address:
        # Taken out in any case: Django lets its options come before what is beside them.
        variable = variables.pop(name, "")
        in_address[name] = in_address[name] or variable
    if not in_address["dbname"] and "service" not in {**variables, **options}:
        raise WrongUrl(NO_DATABASE)
    if len(in_address["dbname"]) > LONGEST_DATABASE_NAME:
        raise WrongUrl(
            f"has a name of its database longer than {LONGEST_DATABASE_NAME} characters: correct it"
        )
    libpq_options = {**POSTGRESQL_TIMEOUTS, **variables, **options, **timeouts}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": in_address["dbname"],
        "HOST": in_address["host"],
        "PORT": in_address["port"],
        "USER": in_address["user"],
        "PASSWORD": in_address["password"],
        **KEPT_CONNECTIONS,
        "OPTIONS": _with_limits(libpq_options, role),
    }


def _with_limits(options: Mapping[str, Any], role: Role) -> dict[str, Any]:
    """Returns libpq's options with the limits of the role and of the server in front of the
    administrator's own, of which the last one counts; and with the role's name, for who looks into
    pg_stat_activity.
    """
    named = {"fallback_application_name": f"vbsdash {role}", **options}
    if "service" in options and "options" not in options:
        # Whatever its file says of options would be lost beside ours.
        return named
    limits = f"{LIMITS[role].options()} {SERVER_TIMEOUTS}"
    return {**named, "options": f"{limits} {options.get('options', '')}".strip()}


def _libpq_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Returns the options in PGPASSWORD, PGSSLMODE and the like, by libpq's names. In `.env` it
    would not see them; and Django and we write options that would come before them.
    """
    if env.get("PGSERVICE"):
        # Its file comes before the other variables.
        return {"service": env["PGSERVICE"]}
    variables: dict[str, str] = {}
    for name, variable in _libpq_options().items():
        value = env.get(variable)
        if value and name != "client_encoding":
            variables[name] = value
    return variables


def _libpq_options() -> dict[str, str]:
    """Returns the options that libpq knows, each with its variable, or "" where it has none."""
    # Not at the top: with SQLite nobody needs psycopg's memory.
    from psycopg.pq import Conninfo

    variables: dict[str, str] = {}
    for option in Conninfo.get_defaults():
        variables[option.keyword.decode()] = option.envvar.decode() if option.envvar else ""
    return variables


def _check_libpq_options(options: Mapping[str, str]) -> None:
    """Refuses by name what libpq does not know. Raises WrongUrl."""
    of_libpq = _libpq_options()
    for name in options:
        if name not in of_libpq and name != "assume_role":
            raise WrongUrl(
                f"has the option {name}, which libpq does not know: leave it out or correct it"
            )


def _timeouts(options: Mapping[str, str]) -> dict[str, int]:
    """Returns those of libpq's limits that the address names. Raises WrongUrl."""
    timeouts: dict[str, int] = {}
    for name in POSTGRESQL_TIMEOUTS:
        if name in options:
            if not re.fullmatch("[0-9]{1,9}", options[name]):
                raise WrongUrl(f"has a {name} which is no whole number: correct it")
            timeouts[name] = int(options[name])
    return timeouts
