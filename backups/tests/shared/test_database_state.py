"""What an error of a database says of it, and what cures it."""

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from django.db.migrations.recorder import MigrationRecorder

from backups.shared import database_state
from backups.shared.database_state import NotSetUp, check, sentence_of

START = "the database of DATABASE_URL cannot be used ("
ADDRESS = 'connection failed: connection to server at "10.0.0.5", port 5432 failed: '


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        ("unable to open database file", "create its folder, and give vbsdash the right"),
        ("attempt to write a readonly database", "give vbsdash the right to write it"),
        ("database is locked", "stop the program that holds it, or try again"),
        ("database table is locked: backups_cloud", "stop the program that holds it"),
        ("disk I/O error", "restore it from a backup"),
        ("database disk image is malformed", "restore it from a backup"),
        ("database or disk is full", "make room on its disk"),
        (f"{ADDRESS}Connection refused", "start it, or correct the address"),
        (f"{ADDRESS}timeout expired", "start it, or correct the address"),
        (f'{ADDRESS}FATAL:  password authentication failed for user "v"', "correct its user"),
        (f"{ADDRESS}fe_sendauth: no password supplied", "correct its user and password"),
        (f'{ADDRESS}FATAL:  role "v" does not exist', "correct its user and password"),
        (f'{ADDRESS}FATAL:  no pg_hba.conf entry for host "10.0.0.9"', "correct its user"),
        (f'{ADDRESS}FATAL:  database "v" does not exist', "create it, or correct its name"),
        (f"{ADDRESS}FATAL:  sorry, too many clients already", "allow it more connections"),
        (f"{ADDRESS}server does not support SSL, but SSL was required", "correct sslmode"),
        ('connection is bad: invalid sslmode value: "x"', "correct sslmode and the certificates"),
        (f"{ADDRESS}FATAL:  the database system is starting up", "start it, or correct"),
        (
            f"{ADDRESS}FATAL:  unsupported startup parameter: options",
            "let PgBouncer pass it: ignore_startup_parameters",
        ),
        (f"{ADDRESS}received invalid response to SSL negotiation: H", "correct its host and port"),
        (f"{ADDRESS}session is read-only", "correct its hosts, or target_session_attrs"),
        (f"{ADDRESS}server is not in hot standby mode", "correct its hosts, or target_session"),
        ('connection is bad: invalid gssencmode value: "x"', "correct the options of its address"),
        (f'{ADDRESS}FATAL:  unrecognized configuration parameter "x"', "correct the options of"),
        ('connection is bad: could not parse network address "x"', "correct the options of its"),
        ('connection is bad: definition of service "x" not found', "correct the name of its"),
        ('could not translate host name "db" to address', "correct its host"),
    ],
)
def test_an_error_without_a_code_is_one_of_the_way_to_the_database(reason: str, cure: str) -> None:
    sentence = sentence_of(OperationalError(f"{reason}\n\tmore of it"))
    assert sentence is not None
    assert sentence.startswith(f"{START}{reason}): {cure}")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        ("database disk image is malformed", "restore it from a backup"),
        ("file is not a database", "name another file, or restore it from a backup"),
    ],
)
def test_a_file_that_is_broken_is_said_to_be(reason: str, cure: str) -> None:
    assert sentence_of(DatabaseError(reason)) == f"{START}{reason}): {cure}"


def with_code(error: Exception, code: str) -> Exception:
    cause = ValueError()
    cause.__dict__["sqlstate"] = code
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (
            ProgrammingError('relation "backups_cloud" does not exist\nLINE 1: …'),
            "42P01",
            'the database of DATABASE_URL is not set up (relation "backups_cloud" does not exist): '
            "run manage.py migrate",
        ),
        (
            ProgrammingError("column x does not exist"),
            "42703",
            "the database of DATABASE_URL is not set up (column x does not exist): run manage.py "
            "migrate",
        ),
        (
            ProgrammingError("permission denied for table backups_cloud"),
            "42501",
            f"{START}permission denied for table backups_cloud): give its user the right to read "
            "and write all of it",
        ),
        (
            OperationalError("cannot execute INSERT in a read-only transaction"),
            "25006",
            f"{START}cannot execute INSERT in a read-only transaction): give vbsdash the right to "
            "write it",
        ),
        (
            OperationalError("terminating connection due to administrator command"),
            "57P01",
            f"{START}terminating connection due to administrator command): start it, or correct "
            "the address",
        ),
        (
            OperationalError("canceling statement due to lock timeout"),
            "55P03",
            f"{START}canceling statement due to lock timeout): end the session that holds it, or "
            "try again",
        ),
        (
            OperationalError("canceling statement due to statement timeout"),
            "57014",
            f"{START}canceling statement due to statement timeout): try again, or name a longer "
            "statement_timeout in its options",
        ),
        (ProgrammingError("syntax error"), "42601", None),
        (OperationalError("deadlock detected"), "40P01", None),
        (InterfaceError("the cursor is closed"), "", None),
    ],
)
def test_an_error_with_a_code_is_told_by_it(
    error: Exception, code: str, sentence: str | None
) -> None:
    assert sentence_of(with_code(error, code)) == sentence


@pytest.mark.django_db
def test_what_is_migrated_is_set_up_and_rows_of_other_programs_do_not_count() -> None:
    check()
    MigrationRecorder.Migration.objects.create(app="another", name="9999_later")
    check()
    assert database_state.problem() is None


@pytest.mark.django_db
def test_a_newer_version_is_fine_for_what_runs_while_hosts_are_upgraded() -> None:
    MigrationRecorder.Migration.objects.create(app="backups", name="9999_later")
    check(newer_is_fine=True)
    with pytest.raises(NotSetUp, match=r"\(backups\.9999_later is not known here\)"):
        check()
    with pytest.raises(NotSetUp, match="newer version"):
        check(older_is_fine=True)


@pytest.mark.django_db
def test_a_missing_migration_is_fine_only_for_what_migrates() -> None:
    MigrationRecorder.Migration.objects.filter(app="backups", name__gte="0009").delete()
    check(older_is_fine=True)
    with pytest.raises(NotSetUp, match=r"backups\.0009_added_batch and [0-9]+ more are missing"):
        check(newer_is_fine=True)
