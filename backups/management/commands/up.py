"""`manage.py up`: prepares the database and the first account, then becomes the
runner of all parts.
"""

import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.http.request import validate_host
from django.utils import timezone

from backups.clouds import registry, same_project
from backups.models import Cloud
from backups.runner import alive, database_copy, json_lines, lock
from backups.runner.console import Console
from backups.runner.own_addresses import asked_at, in_url, reached_at
from backups.runner.plan import Plan
from backups.runner.ports import CannotListen, listen
from backups.runner.process import die_with_parent
from backups.runner.supervisor import STOP_SIGNALS
from backups.shared import database_state

# Of a first password: without 0 and o, and without 1, i and l.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
OLD_PASSWORD = "the one of the first start (manage.py changepassword {user} sets a new one)"  # noqa: S105
UNSPECIFIED = ("0.0.0.0", "[::]")  # noqa: S104
NO_OWN_HOST = (
    "ALLOWED_HOSTS lets in no address of this machine, as {host}: add it, unless what is let in "
    "leads here; the address of a proxy belongs into VBSDASH_URL."
)
GIVEN_PASSWORD = "the one in DJANGO_SUPERUSER_PASSWORD"  # noqa: S105


class Command(BaseCommand):
    help = (
        "Starts web, worker, scheduler and, if none is configured, an embedded broker; restarts "
        "what dies."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stop-with-parent", action="store_true", help="stop when the starting process ends"
        )

    def handle(self, *args: object, stop_with_parent: bool, **options: object) -> None:
        # The database holds sessions and hashes: it is for its owner only, whoever made the data
        # folder.
        os.umask(0o077)
        for signum in STOP_SIGNALS:
            signal.signal(signum, _exit)
        if settings.CELERY_BROKER_URL.startswith("memory:"):
            sys.exit(
                "vbsdash: CELERY_BROKER_URL is memory://, which no two processes share: write "
                "redis:// or amqp://."
            )
        if stop_with_parent:
            die_with_parent(signal.SIGTERM, parent=os.getppid())
        try:
            lock_fd = lock.take(settings.DATA_DIR)
            listener = listen(settings.LISTEN_HOST, settings.LISTEN_PORT)
        except (lock.AlreadyRunning, CannotListen) as e:
            sys.exit(f"vbsdash: {e}")
        _prepare_database()
        user, password = first_account(settings.ENV)
        plan = _plan(listener, user=user, password=password)
        if settings.ALIVE_DIR is not None:
            alive.expect(settings.ALIVE_DIR, *alive.PARTS)
            alive.note_address(settings.ALIVE_DIR, plan.probe_host, plan.port)
        for fd in (lock_fd, plan.listen_fd):
            os.set_inheritable(fd, True)
        # A stop signal waits until the runner can handle it.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        # The runner and gunicorn read no `.env`.
        os.environ[json_lines.VARIABLE] = settings.LOG_FORMAT
        plan.hand_over(folder=Path(settings.BASE_DIR))


def _exit(_signum: int, _frame: FrameType | None) -> None:
    """Ends with 0 while no part is started yet."""
    sys.exit(0)


def _prepare_database() -> None:
    problem = database_state.problem(older_is_fine=True)
    if problem is not None:
        sys.exit(f"vbsdash: {problem}.")
    missing = database_state.missing_migrations()
    if missing:
        _upgrade(missing)
    else:
        call_command("migrate", interactive=False, verbosity=0)
    if not settings.WHITENOISE_USE_FINDERS:
        call_command("collectstatic", interactive=False, verbosity=0)
    # WhiteNoise warns when this folder is missing.
    settings.STATIC_ROOT.mkdir(exist_ok=True)


def _upgrade(missing: list[str]) -> None:
    """Migrates a database of an earlier version; of SQLite it keeps a copy of before."""
    console = Console()
    steps = "1 step is" if len(missing) == 1 else f"{len(missing)} steps are"
    console.say(f"the database is of an earlier version: {steps} made first, from {missing[0]} on")
    copy = None
    file = Path(settings.DATABASES["default"]["NAME"])
    if connection.vendor == "sqlite":
        try:
            copy = database_copy.keep(file)
        except database_copy.NoRoom as e:
            sys.exit(f"vbsdash: {e}.")
        console.say(f"{copy} is a copy of before, while it lasts")
    call_command("migrate", interactive=False, verbosity=0)
    if copy is None:
        console.say("the database is upgraded")
        return
    kept = database_copy.finish(file, copy, now=timezone.now())
    console.say(f"the database is upgraded; {kept} is it as it was before")


def first_account(env: Mapping[str, str]) -> tuple[str, str]:
    """Returns the name of an account and what the banner says of its password.

    Makes an account only when there is none at all.
    """
    accounts = User.objects
    name = env.get("DJANGO_SUPERUSER_USERNAME") or "admin"
    first = accounts.order_by("-is_superuser", "pk").first()
    if first is not None:
        user = name if accounts.filter(username=name).exists() else first.get_username()
        return user, OLD_PASSWORD.format(user=user)
    env_password = env.get("DJANGO_SUPERUSER_PASSWORD")
    password = env_password or _random_password()
    email = env.get("DJANGO_SUPERUSER_EMAIL", "")
    account = User(username=name, email=email)
    try:
        account.clean_fields(exclude=["password"])
    except ValidationError as e:
        field, reasons = next(iter(e.message_dict.items()))
        sys.exit(f"vbsdash: DJANGO_SUPERUSER_{field.upper()} cannot be used: {reasons[0]}")
    accounts.create_superuser(username=name, email=email, password=password)
    if env_password:
        return name, GIVEN_PASSWORD + _weakness(env_password, account)
    return name, f"{password}   (shown only this once)"


def _weakness(password: str, account: User) -> str:
    """Returns what is said of a weak password, empty of a good one."""
    try:
        validate_password(password, account)
    except ValidationError as e:
        return f", which is weak: {' '.join(e.messages)} A better one is set at /account/password/."
    return ""


def _random_password() -> str:
    """Returns four groups of five characters, about 99 bits."""
    characters = [secrets.choice(ALPHABET) for _ in range(20)]
    for place in (15, 10, 5):
        characters.insert(place, "-")
    return "".join(characters)


def _plan(listener: socket.socket, *, user: str, password: str) -> Plan:
    bound, port = listener.getsockname()[:2]
    hosts = _own_hosts(bound)
    warnings = _warnings()
    if not hosts:
        hosts = [pattern.removeprefix(".") for pattern in settings.ALLOWED_HOSTS]
        warnings = (NO_OWN_HOST.format(host=in_url(bound)), *warnings)
    connection.close()
    urls = tuple(f"http://{host}:{port}/" for host in hosts)
    behind_proxy = None
    if settings.PUBLIC_URL:
        behind_proxy = urls[0]
        urls = (f"{settings.PUBLIC_URL}/",)
    return Plan(
        data_dir=str(settings.DATA_DIR),
        urls=urls,
        behind_proxy=behind_proxy,
        probe_host=asked_at(bound),
        port=port,
        listen_fd=listener.detach(),
        broker_url_file=str(settings.BROKER_URL_FILE) if settings.EMBEDDED_BROKER else None,
        demo_clouds_file=str(settings.DEMO_CLOUDS_FILE) if settings.DEMO else None,
        clouds=() if settings.DEMO else tuple(settings.CLOUDS),
        warnings=warnings,
        user=user,
        password=password,
    )


def _warnings() -> tuple[str, ...]:
    """Returns a sentence for each setting of the clouds that has no effect, and for each group of
    clouds that are one project, by their configuration or by the endpoints that earlier sign-ins
    led to.
    """
    configured = settings.CLOUDS
    sentences = registry.settings_without_effect()
    by_place = same_project.groups((name, config.place) for name, config in configured.items())
    endpoints = Cloud.objects.filter(pk__in=configured).values_list("name", "endpoint")
    by_endpoint = same_project.groups(endpoints)
    groups = sorted({*by_place.values(), *by_endpoint.values()})
    return (*sentences, *(same_project.sentence(names) for names in groups))


def _own_hosts(bound: str) -> list[str]:
    """Returns the hosts of URLs that lead to a socket bound to `bound`, as far as ALLOWED_HOSTS
    lets them in.
    """
    hosts: list[str] = []
    for host in (*reached_at(bound), in_url(settings.LISTEN_HOST)):
        if validate_host(host, settings.ALLOWED_HOSTS) and host not in (*hosts, *UNSPECIFIED):
            hosts.append(host)
    return hosts
