"""NAME_FILE names the file with the secret NAME."""

from pathlib import Path

import pytest

from backups.vbs.errors import ConfigurationError
from backups.vbs.secret_file import LARGEST
from vbsdash.secret_files import SECRETS, read


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    ("content", "secret"),
    [
        ("s3cret", "s3cret"),
        ("s3cret\n", "s3cret"),
        ("s3cret\r\n", "s3cret"),
        (" p#ss wörd' \n\n", " p#ss wörd' \n"),
    ],
)
def test_a_secret_is_what_its_file_holds(
    tmp_path: Path, name: str, content: str, secret: str
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content.encode())
    assert read({f"{name}_FILE": str(file), "PORT": "1"}) == {name: secret, "PORT": "1"}


def test_an_empty_name_of_a_file_is_none() -> None:
    assert read({"SECRET_KEY_FILE": "", "SECRET_KEY": "k"}) == {"SECRET_KEY": "k"}


def test_files_of_other_programs_are_left_alone() -> None:
    others = {"SSL_CERT_FILE": "/nowhere", "OS_CLIENT_CONFIG_FILE": "/nowhere"}
    assert read(others) == others


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "which cannot be read (No such file or directory): name a file"),
        (b"", "which is empty: correct it."),
        (b"\n", "which is empty: correct it."),
        (b"\xff\xfe", "which cannot be read (it is no text in UTF-8)"),
        (b"x" * (LARGEST + 1), "which is too long for a secret: correct it."),
    ],
)
def test_a_file_without_a_secret_is_refused(
    tmp_path: Path, content: bytes | None, fault: str
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as refusal:
        read({"DATABASE_URL_FILE": str(file)})
    assert str(refusal.value).startswith(f"DATABASE_URL_FILE names {file}, {fault}")


def test_a_secret_that_is_given_twice_is_refused_without_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read({"REDIS_URL": "redis://:s3cret@h/0", "REDIS_URL_FILE": "/run/secrets/redis"})
    sentence = "REDIS_URL and REDIS_URL_FILE are both set: unset one of them."
    assert str(refusal.value) == sentence
