"""Which parts of vbsdash itself work: "ok" or a sentence for each, and what is only warned of.

What is asked of the database here is little, whatever the number of rows: each web process asks
every few seconds.
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Min

from backups.clouds import registry
from backups.models import Backup, Cloud
from backups.shared import broker_state, clock, database_state
from backups.shared.heartbeat import QUEUES, SILENCE, signs

logger = logging.getLogger(__name__)

OK = "ok"
LONGEST_LAG = timedelta(minutes=5)
CLOCKS_MAY_DIFFER = timedelta(seconds=30)  # this host's and the database's
BROKER_CONNECT_S = 2
BROKER_ANSWER_S = 2
BROKER_TOTAL_S = 3
MEBIBYTE = 2**20
NOT_KNOWN = "Not known: the database cannot be asked."


@dataclass(frozen=True)
class Readiness:
    """`parts`: "ok" or a sentence, in the order in which one explains the next. `warnings`: what
    makes nothing stand still, by its name. `since`: since when a part fails, where that is stored.
    """

    parts: dict[str, str]
    warnings: dict[str, str] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        return set(self.parts.values()) == {OK}


@dataclass(frozen=True)
class _Lag:
    clouds: list[str]
    oldest_at: datetime | None


def check(now: datetime, *, not_set_up: str | None = None) -> Readiness:
    """Asks every part, whatever error that ends in: who watches reads the part, and no page of an
    error. `not_set_up`: what is known to be wrong with the tables.
    """
    parts = {"database": OK, "migrations": OK, "disk": _disk(), "broker": _broker()}
    if not_set_up is not None:
        return Readiness(_without_database({**parts, "migrations": not_set_up}, not_set_up))
    try:
        seen_at = signs()
        parts["migrations"], newer = _migrations()
        clocks = _clock(clock.offset())
        lag = _lag(now)
    except DatabaseError as e:
        logger.warning("readyz: the database cannot be used: %s", e)
        cure = database_state.cure_of(e)
        sentence = f"The database of DATABASE_URL cannot be used: {cure}."
        return Readiness(_without_database(parts, sentence))
    except Exception as e:
        # Such as a driver or an option that is not there.
        logger.warning("readyz: the database cannot be asked", exc_info=e)
        kind = type(e).__name__
        sentence = f"The database of DATABASE_URL cannot be asked ({kind})."
        return Readiness(_without_database(parts, sentence))
    parts["scheduler"] = _alive(seen_at.get("scheduler"), now, "The scheduler has sent nothing")
    parts["worker"] = _workers(seen_at, now)
    if parts["worker"] != OK and parts["scheduler"] != OK:
        parts["worker"] = "Not known: the scheduler sends nothing that a worker could take."
    parts["lag"] = OK
    if lag.clouds:
        # No names: this is shown to whoever asks, and to readers who may not see these clouds.
        clouds = "1 cloud" if len(lag.clouds) == 1 else f"{len(lag.clouds)} clouds"
        parts["lag"] = f"Backups have been due for over 5 minutes in {clouds}: see the page Clouds."
    found_warnings = {"clock": clocks, "migrations": newer}
    warnings = {name: sentence for name, sentence in found_warnings.items() if sentence}
    for sentence in warnings.values():
        logger.warning("%s", sentence)
    return Readiness(parts, warnings, _since(parts, seen_at, lag))


def _without_database(parts: Mapping[str, str], sentence: str) -> dict[str, str]:
    unknown = dict.fromkeys(("scheduler", "worker", "lag"), NOT_KNOWN)
    migrations = parts["migrations"] if parts["migrations"] != OK else NOT_KNOWN
    return {**parts, "database": sentence, "migrations": migrations, **unknown}


def _since(
    parts: Mapping[str, str], seen_at: Mapping[str, datetime], lag: _Lag
) -> dict[str, datetime]:
    """Returns since when the parts fail that have left a sign in the database."""
    signs_of_workers = [seen_at[queue] for queue in QUEUES if queue in seen_at]
    last_signs = {
        "scheduler": seen_at.get("scheduler"),
        "worker": min(signs_of_workers, default=None),
        "lag": lag.oldest_at,
    }
    return {part: at for part, at in last_signs.items() if at is not None and parts[part] != OK}


def _disk() -> str:
    """Names a folder of ours that is nearly full: that of SQLite's file, and of the embedded
    broker's.
    """
    folders: list[Path] = []
    file = Path(connection.settings_dict["NAME"])
    # The database of a test may be in memory.
    if connection.vendor == "sqlite" and file.is_absolute():
        folders.append(file.parent)
    if settings.EMBEDDED_BROKER:
        folders.append(settings.DATA_DIR)
    for folder in folders:
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            # There is no such folder: the database or the broker says so.
            continue
        # Some file systems, as those over a network, do not tell.
        if usage.total and usage.free < settings.LEAST_FREE_BYTES:
            free = f"{usage.free // MEBIBYTE} MiB"
            least = f"{settings.LEAST_FREE_BYTES // MEBIBYTE} MiB"
            return f"The disk of {folder} has {free} left, less than {least}: make room on it."
    return OK


def _migrations() -> tuple[str, str]:
    """Returns "ok" or a sentence; and a second sentence where the database is newer than this
    process, or "". That is so within each rolling upgrade, which must not take the processes of
    the version before out of service.
    """
    ours = _known_migrations()
    applied = set(MigrationRecorder(connection).applied_migrations())
    missing = sorted(ours - applied)
    state = OK
    if missing:
        app, name = missing[0]
        count = "1 migration" if len(missing) == 1 else f"{len(missing)} migrations"
        state = f"The database lacks {count}, first {app}.{name}: "
        state += f"{database_state.MIGRATE}."
    apps = {app for app, _ in ours}
    newer = sorted((app, name) for app, name in applied - ours if app in apps)
    if not newer:
        return state, ""
    app, name = newer[-1]
    return state, (
        f"The database is of a newer version of vbsdash ({app}.{name}) than this process: start "
        "the new version here too."
    )


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """Returns app and name of each migration that this version has on disk."""
    loader = MigrationLoader(connection=None)
    return frozenset(loader.disk_migrations)


def _clock(ahead: timedelta) -> str:
    """Compares this host's clock with the database's, `ahead` of it. Workers go by the database's;
    pages of a host whose own is wrong show wrong ages. Returns "" where both agree.
    """
    if abs(ahead) <= CLOCKS_MAY_DIFFER:
        return ""
    side = "behind" if ahead > timedelta(0) else "ahead of"
    seconds = f"{abs(ahead.total_seconds()):.0f} s"
    return f"The clock of this host is {seconds} {side} the database's: synchronise both."


def _lag(now: datetime) -> _Lag:
    """Finds clouds whose backups wait too long. A cloud that does not answer is the cloud's fault,
    said on its page; this is about ourselves.
    """
    overdue = Backup.objects.filter(next_refresh_at__lt=now - LONGEST_LAG).order_by()
    oldest = dict(overdue.values_list("cloud").annotate(Min("next_refresh_at")))
    silent = Cloud.objects.filter(attempted_at__isnull=False, error__isnull=False)
    asked = set(registry.configured()) - set(silent.values_list("name", flat=True))
    late = sorted(asked.intersection(oldest))
    return _Lag(late, min((oldest[name] for name in late), default=None))


def _workers(seen_at: Mapping[str, datetime], now: datetime) -> str:
    """Each queue must have had a message consumed lately; a worker may take from
    one of them only.
    """
    if seen_at.keys().isdisjoint(QUEUES):
        return "No worker has taken a message yet."
    for queue in QUEUES:
        beginning = f"No worker has taken a message of queue {queue}"
        sentence = _alive(seen_at.get(queue), now, beginning)
        if sentence != OK:
            return sentence
    return OK


def _alive(seen_at: datetime | None, now: datetime, beginning: str) -> str:
    if seen_at is None:
        return f"{beginning} yet."
    if now - seen_at < SILENCE:
        return OK
    return f"{beginning} since {seen_at:%Y-%m-%d %H:%M:%S} UTC."


def _broker() -> str:
    try:
        # With the settings of TLS that the workers have.
        with current_app.connection_for_read(
            connect_timeout=BROKER_CONNECT_S,
            transport_options={"socket_timeout": BROKER_ANSWER_S},
        ) as broker:
            # Of several brokers the last one too, as the workers do.
            retries = len(broker.alt) or 1
            broker.ensure_connection(max_retries=retries, interval_start=0, timeout=BROKER_TOTAL_S)
    except Exception as e:  # noqa: BLE001
        # Any transport has errors of its own, for a wrong password, virtual host or certificate.
        # What Celery wraps says more than its wrapping.
        cause = e.__cause__ or e
        logger.warning("readyz: the broker cannot be used: %s", cause)
        reason = broker_state.reason(cause)
        return f"The broker cannot be used ({reason}): see CELERY_BROKER_URL."
    return OK
