"""A variable that only resembles a setting is told at the start."""

import pytest

from vbsdash.setting_names import SETTINGS, notices


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("VBSDASH_ULR", "VBSDASH_URL"),
        ("VBSDASH_TRUSTED_PROXY", "VBSDASH_TRUSTED_PROXIES"),
        ("VBSDASH_METRICS_PER_DISC", "VBSDASH_METRICS_PER_DISK"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("ALLOWED_HOST", "ALLOWED_HOSTS"),
        ("CELERY_BROKER", "CELERY_BROKER_URL"),
        ("CSRF_TRUSTED_ORIGIN", "CSRF_TRUSTED_ORIGINS"),
        ("SECRETKEY", "SECRET_KEY"),
        ("DJANGO_SUPERUSER_PASWORD", "DJANGO_SUPERUSER_PASSWORD"),
    ],
)
def test_a_slip_of_the_fingers_is_told_with_what_is_meant(name: str, meant: str) -> None:
    sentence = f"{name} is no setting and has no effect: is {meant} meant?"
    assert notices(["PATH", name]) == [sentence]


def test_a_name_that_begins_as_ours_is_told() -> None:
    sentence = "VBSDASH_THEME is no setting and has no effect: remove it, or correct its name."
    assert notices(["VBSDASH_THEME"]) == [sentence]


@pytest.mark.parametrize(
    "name",
    [
        *SETTINGS,
        "PATH",
        "HOST",
        "PORTS",
        "PGHOST",
        "DATABASE",
        "OS_REGION_NAME",
        "VBSDASH_TEST_PATIENCE",
        "VBSDASH_BENCH_BACKUPS",
        "VBSDASH_SERVICE_HOST",
        "VBSDASH_SERVICE_PORT",
        "VBSDASH_PORT",
        "VBSDASH_PORT_8000_TCP_ADDR",
    ],
)
def test_settings_and_variables_of_others_are_not_told(name: str) -> None:
    assert notices([name]) == []
