"""Typed reading of the environment and `.env`; a wrong value is a ConfigurationError with variable
and cure.
"""

import re
import secrets
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from dotenv import dotenv_values
from dotenv.parser import parse_stream

from backups.vbs.errors import ConfigurationError

_HOST = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
_ORIGIN = re.compile(r"https?://(\*\.)?([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
# A server that is gone without a word is noticed within half a minute, while connecting, asking or
# waiting; what DATABASE_URL says of these after its question mark goes first. Names and units:
# libpq's.
PATIENCE_WITH_POSTGRESQL = {
    "connect_timeout": 5,  # s
    "tcp_user_timeout": 15_000,  # ms until what was sent has to be confirmed
    "keepalives_idle": 10,  # s
    "keepalives_interval": 5,  # s
    "keepalives_count": 3,
}
TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def read(environ: Mapping[str, str], *, dotenv: Path) -> dict[str, str]:
    """`.env` with the environment on top."""
    try:
        text = dotenv.read_text(encoding="utf-8") if dotenv.exists() else ""
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError(f"{dotenv} cannot be read: make it a readable UTF-8 file.") from e
    if wrong := next((one.original for one in parse_stream(StringIO(text)) if one.error), None):
        raise ConfigurationError(
            f"{dotenv}, line {wrong.line}, is no NAME=value: correct it there."
        )
    given = dotenv_values(stream=StringIO(text))
    return {**{name: value for name, value in given.items() if value is not None}, **environ}


def flag(env: Mapping[str, str], name: str) -> bool:
    value = env.get(name, "").strip().lower()
    if value not in TRUE | FALSE:
        raise ConfigurationError(f"{name} is {env[name]!r}: write 1 or 0.")
    return value in TRUE


def names(env: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in env.get(name, "").split(",") if part.strip()]


def port(env: Mapping[str, str]) -> int:
    value = env.get("PORT") or "8000"
    if not re.fullmatch("[0-9]{1,5}", value) or int(value) > 65535:
        raise ConfigurationError(
            f"PORT is {value[:20]!r}: write a number from 0 to 65535; 0 takes a free one."
        )
    return int(value)


def hosts(env: Mapping[str, str]) -> list[str]:
    given = names(env, "ALLOWED_HOSTS")
    for host in given:
        if host != "*" and not _HOST.fullmatch(host):
            raise ConfigurationError(
                f"ALLOWED_HOSTS holds {host!r}: write names without http://, path or port."
            )
    return given


def origins(env: Mapping[str, str]) -> list[str]:
    given = names(env, "CSRF_TRUSTED_ORIGINS")
    for origin in given:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                f"CSRF_TRUSTED_ORIGINS holds {origin!r}: write each as https://host, with no path."
            )
    return given


def url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    """The address under `name`, or None; its text is never quoted because it may hold a
    password.
    """
    value = env.get(name) or None
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        scheme, _ = parts.scheme, parts.port
    except ValueError as e:
        raise ConfigurationError(
            f"{name} is no address: write {schemes[0]}://USER:PASSWORD@HOST:PORT/NAME."
        ) from e
    if scheme not in schemes or "://" not in value:
        raise ConfigurationError(
            f"{name} must begin with one of {', '.join(s + '://' for s in schemes)}."
        )
    return value


def database(env: Mapping[str, str], default: Path) -> dict[str, Any]:
    """Django's DATABASES entry. SQLite: WAL, write locks taken at BEGIN, 20 s patience (design of
    the engine).
    """
    value = url(env, "DATABASE_URL", ("postgres", "postgresql", "sqlite"))
    try:
        found: dict[str, Any] = dict(
            dj_database_url.parse(
                value or f"sqlite:///{default}", conn_max_age=60, conn_health_checks=True
            )
        )
    except (ValueError, KeyError) as e:  # dj_database_url's own errors are ValueErrors
        raise ConfigurationError(
            "DATABASE_URL cannot be read: write postgres://USER:PASSWORD@HOST:5432/NAME."
        ) from e
    if found["NAME"] in ("", ":memory:"):
        raise ConfigurationError(
            "DATABASE_URL names no database that all parts share: end it with /NAME or /FILE."
        )
    if found["ENGINE"] == "django.db.backends.sqlite3":
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        found["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas}
    else:
        found["OPTIONS"] = {**PATIENCE_WITH_POSTGRESQL, **found.get("OPTIONS", {})}
    return found


def data_dir(env: Mapping[str, str], default: Path) -> Path:
    """The data folder, made if missing, for its owner only."""
    path = Path(env.get("VBSDASH_DATA_DIR") or default)
    try:
        path = path.expanduser().absolute()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / ".writable").touch()
        (path / ".writable").unlink(missing_ok=True)
    except (OSError, RuntimeError) as e:  # RuntimeError: ~USER of a user that does not exist
        reason = getattr(e, "strerror", None) or "there is no such user"
        raise ConfigurationError(
            f"VBSDASH_DATA_DIR: {path} cannot be written ({reason}): name another folder."
        ) from e
    return path


def secret_key(env: Mapping[str, str], file: Path) -> str:
    """SECRET_KEY, else one made once and kept in a file of mode 0600."""
    if given := env.get("SECRET_KEY"):
        if len(given) < 32:
            raise ConfigurationError(
                "SECRET_KEY is shorter than 32 characters: write a longer one, or none at all."
            )
        return given
    try:
        return _kept_key(file)
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError(
            f"{file} cannot be read or made: remove it, or set SECRET_KEY."
        ) from e


def _kept_key(file: Path) -> str:
    if not file.exists() or not file.stat().st_size:
        fresh = file.with_suffix(f".{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(50))
        try:
            if file.exists():
                fresh.replace(file)  # an empty one: a disk was full
            else:
                file.hardlink_to(
                    fresh
                )  # the first of several starters wins; the others read its key
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
    return file.read_text().strip()
