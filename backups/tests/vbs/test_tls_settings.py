"""Which authorities count: an entry's own, else those that the environment names."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from backups.vbs.clouds import load_clouds
from backups.vbs.errors import ConfigurationError

CERTIFICATES = Path(__file__).parents[1] / "certificates"
GOOD = str(CERTIFICATES / "good.pem")
OTHER = str(CERTIFICATES / "another.pem")
KEY = str(CERTIFICATES / "client.key")


def verify(folder: Path, entry: Mapping[str, object], environ: Mapping[str, str]) -> bool | str:
    auth = {
        "auth_url": "https://iam.example/v3",
        "username": "reader",
        "password": "secret-word",
        "project_name": "eu-de",
        "user_domain_name": "d",
    }
    (folder / "clouds.yaml").write_text(json.dumps({"clouds": {"otc": {"auth": auth, **entry}}}))
    return load_clouds(environ, cwd=folder, home=folder)["otc"].verify


@pytest.mark.parametrize(
    ("entry", "environ", "expected"),
    [
        ({}, {}, True),
        ({}, {"REQUESTS_CA_BUNDLE": GOOD}, GOOD),
        ({}, {"CURL_CA_BUNDLE": GOOD}, GOOD),
        ({}, {"SSL_CERT_FILE": GOOD}, GOOD),
        ({}, {"OS_CACERT": GOOD}, GOOD),
        ({}, {"OS_CACERT": ""}, True),
        ({}, {"OS_CACERT": GOOD, "REQUESTS_CA_BUNDLE": OTHER, "SSL_CERT_FILE": OTHER}, GOOD),
        ({}, {"REQUESTS_CA_BUNDLE": GOOD, "CURL_CA_BUNDLE": OTHER, "SSL_CERT_FILE": OTHER}, GOOD),
        ({}, {"CURL_CA_BUNDLE": GOOD, "SSL_CERT_FILE": OTHER}, GOOD),
        ({"verify": True}, {"REQUESTS_CA_BUNDLE": GOOD}, GOOD),
        ({"cacert": OTHER}, {"REQUESTS_CA_BUNDLE": GOOD, "OS_CACERT": GOOD}, OTHER),
        ({"cacert": OTHER}, {"REQUESTS_CA_BUNDLE": "/nowhere"}, OTHER),
        ({"verify": False}, {"REQUESTS_CA_BUNDLE": GOOD}, False),
        ({"verify": False}, {"OS_CACERT": GOOD}, False),
        ({"verify": False}, {"SSL_CERT_FILE": "/nowhere"}, False),
        ({"insecure": True}, {"CURL_CA_BUNDLE": GOOD}, False),
        ({"insecure": "true", "cacert": GOOD}, {"OS_CACERT": OTHER}, False),
    ],
)
def test_a_variable_counts_where_the_entry_says_nothing(
    tmp_path: Path,
    entry: Mapping[str, object],
    environ: Mapping[str, str],
    expected: bool | str,
) -> None:
    assert verify(tmp_path, entry, environ) == expected


def test_relative_paths_begin_at_the_project_folder_and_a_tilde_is_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(Path(GOOD).read_text())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert verify(tmp_path, {}, {"SSL_CERT_FILE": "ca.pem"}) == str(file)
    assert verify(tmp_path, {"cacert": "ca.pem"}, {}) == str(file)
    assert verify(tmp_path, {"cacert": "~/ca.pem"}, {}) == str(file)


def test_a_folder_of_authorities_has_the_names_of_c_rehash(tmp_path: Path) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    (folder / "ca.pem").write_text(Path(GOOD).read_text())
    with pytest.raises(ConfigurationError, match="a folder without certificates"):
        verify(tmp_path, {}, {"REQUESTS_CA_BUNDLE": str(folder)})
    subprocess.run(["openssl", "rehash", folder], check=True)
    assert verify(tmp_path, {}, {"REQUESTS_CA_BUNDLE": str(folder)}) == str(folder)


@pytest.mark.parametrize("name", ["OS_CACERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("/nowhere/ca.pem", "which is not there: correct the path."),
        (KEY, "which holds no certificate: name a PEM file."),
        ("/dev/null", "which is not there: correct the path."),
        ("/", "a folder without certificates: name a PEM file, or run c_rehash there."),
    ],
)
def test_a_variable_that_names_no_certificates_is_refused_by_its_name(
    tmp_path: Path, name: str, value: str, why: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        verify(tmp_path, {}, {name: value})
    assert str(caught.value) == f"{name} names {value}, {why}"
