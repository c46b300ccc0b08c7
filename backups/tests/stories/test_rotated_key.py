"""SECRET_KEY changes, and nobody is signed out."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from django.core.signing import BadSignature
from django.test import Client

from backups.tests.accounts import make_operator
from vbsdash import cookie_names

pytestmark = [pytest.mark.either, pytest.mark.django_db]
PROJECT = Path(__file__).parents[3]
OLD = "of-before-" * 5
NEW = "of-now----" * 5


def names(key: str) -> tuple[str, str]:
    names_of_key = cookie_names.names(None, 8000, key)
    return names_of_key.session, names_of_key.csrf


def use(settings: Any, key: str, *fallbacks: str) -> None:
    """As after a start with these keys."""
    settings.SECRET_KEY = key
    settings.SECRET_KEY_FALLBACKS = list(fallbacks)
    session, csrf = names(key)
    settings.SESSION_COOKIE_NAME = session
    settings.CSRF_COOKIE_NAME = csrf
    renamed: dict[str, str] = {}
    for fallback in fallbacks:
        renamed |= dict(zip(names(fallback), (session, csrf), strict=True))
    settings.RENAMED_COOKIES = renamed


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_a_session_outlives_a_change_of_the_key_and_the_end_of_the_old_one(
    settings: Any, client: Client
) -> None:
    use(settings, OLD)
    make_operator("operator", password="a long password")
    client.post("/accounts/login/", {"username": "operator", "password": "a long password"})
    assert is_signed_in(client)
    signed = signing.dumps({"of": "before"})
    use(settings, NEW, OLD)
    assert signing.loads(signed) == {"of": "before"}
    assert is_signed_in(client)
    # From that request on it is a session of the new key, under the new name.
    use(settings, NEW)
    del client.cookies[names(OLD)[0]]
    assert is_signed_in(client)
    with pytest.raises(BadSignature):
        signing.loads(signed)


def test_without_the_old_key_everybody_signs_in_anew(settings: Any, client: Client) -> None:
    use(settings, OLD)
    client.force_login(make_operator("operator"))
    assert is_signed_in(client)
    use(settings, NEW)
    assert not is_signed_in(client)


def test_the_settings_name_the_cookies_of_each_key(tmp_path: Path) -> None:
    code = "from django.conf import settings as s; print(s.RENAMED_COOKIES, s.SESSION_COOKIE_NAME)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "VBSDASH_DATA_DIR": str(tmp_path),
            "SECRET_KEY": NEW,
            "SECRET_KEY_FALLBACKS": OLD,
        },
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    renamed = dict(zip(names(OLD), names(NEW), strict=True))
    assert done.stdout == f"{renamed} {names(NEW)[0]}\n"
