"""What `make sbom` and `make audit` say of the packages that vbsdash runs on."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backups.tests.run_settings import LIMIT_S

PROJECT = Path(__file__).parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ ;\\]+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
HASH = re.compile("--hash=sha256:([0-9a-f]{64})")


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROJECT / ".ci" / tool, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
        cwd=PROJECT,
    )


@dataclass(frozen=True, order=True)
class Pin:
    name: str
    version: str
    hashes: tuple[str, ...]


def pins_of(file: str) -> list[Pin]:
    """What is pinned; a package has two versions where markers tell Pythons apart."""
    pins = []
    for name, version, rest in PIN.findall((PROJECT / file).read_text()):
        pins.append(Pin(name, version, tuple(sorted(HASH.findall(rest)))))
    return sorted(pins)


def pin_of(file: str, name: str) -> Pin:
    return next(pin for pin in pins_of(file) if pin.name == name)


def pin_in(component: dict[str, Any]) -> Pin:
    hashes: list[str] = []
    for reference in component["externalReferences"]:
        hashes += [entry["content"] for entry in reference["hashes"]]
    return Pin(component["name"], component["version"], tuple(sorted(hashes)))


@pytest.mark.once
@pytest.mark.soak
@pytest.mark.parametrize(
    ("extra", "package"),
    [("requirements-oidc.txt", "mozilla-django-oidc"), ("requirements-apprise.txt", "apprise")],
)
def test_the_packages_of_extras_are_covered_too_in_the_versions_of_the_others(
    tmp_path: Path, extra: str, package: str
) -> None:
    done = run("sbom.py", extra, str(tmp_path), "--unvalidated")
    assert (done.returncode, done.stderr) == (0, "")
    pins = pins_of(extra)
    assert package in {pin.name for pin in pins}
    others = {pin.name: pin for pin in pins_of("requirements.txt")}
    assert [pin for pin in pins if others.get(pin.name, pin) != pin] == []


@pytest.mark.once
@pytest.mark.parametrize(
    "options", [["--unvalidated"], pytest.param([], marks=pytest.mark.soak, id="validated")]
)
def test_the_sbom_has_each_pinned_package_with_version_hashes_and_an_allowed_licence(
    tmp_path: Path, options: list[str]
) -> None:
    done = run("sbom.py", "requirements.txt", str(tmp_path), *options)
    assert (done.returncode, done.stderr) == (0, "")
    bom = json.loads((tmp_path / "sbom.json").read_text())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    pins = pins_of("requirements.txt")
    assert len(pins) > 50
    assert sorted(pin_in(component) for component in bom["components"]) == pins
    for component in bom["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        [licence] = component["licenses"]
        assert licence["expression"]
    listed = (tmp_path / "licences.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in listed] == [pin.name for pin in pins]


@pytest.mark.once
def test_a_licence_that_nobody_allowed_does_not_come_in(tmp_path: Path) -> None:
    djlint = pin_of("requirements-dev.txt", "djlint")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"djlint=={djlint.version} --hash=sha256:{djlint.hashes[0]}\n")
    done = run("sbom.py", str(requirements), str(tmp_path), "--unvalidated")
    assert done.returncode == 1
    assert done.stderr.startswith(f"djlint {djlint.version}: its licence is GPL-3.0")
    assert "which .ci/licences.toml does not allow" in done.stderr


class Database:
    """A database in the words of OSV: which packages are `vulnerable`, and whether it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.vulnerable: set[str] = set()
        self.is_broken = False
        self.asked: list[str] = []


@pytest.fixture
def database() -> Iterator[Database]:
    state = Database()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query["package"]["name"]
            state.asked.append(name)
            known: dict[str, Any] = {}
            if name in state.vulnerable:
                known = {"vulns": [vulnerability(name)]}
            body = b"down" if state.is_broken else json.dumps(known).encode()
            self.send_response(503 if state.is_broken else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Tests are silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1/query"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def vulnerability(name: str) -> dict[str, Any]:
    fixed = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}]
    affected = [{"package": {"ecosystem": "PyPI", "name": name}, "ranges": fixed, "versions": []}]
    return {"id": "PYSEC-2026-1", "summary": "A hole.", "affected": affected}


def audit(database: Database, *arguments: str) -> tuple[int, str]:
    done = run("audit.py", *arguments, "-s", "osv", "--osv-url", database.url, "--timeout", "5")
    return done.returncode, done.stdout


@pytest.mark.once
@pytest.mark.soak
def test_an_audit_is_clean_when_the_database_was_asked_about_each_package(
    database: Database,
) -> None:
    code, words = audit(database)
    pins = pins_of("requirements.txt")
    assert (code, words) == (0, f"{len(database.asked)} packages audited, no known vulnerability\n")
    # Some are for other platforms or other versions of Python.
    assert len(pins) - 5 <= len(set(database.asked)) <= len(pins)


@pytest.mark.once
@pytest.mark.soak
def test_a_vulnerable_package_is_named_with_the_version_that_mends_it(database: Database) -> None:
    version = pin_of("requirements.txt", "django").version
    database.vulnerable = {"django"}
    assert audit(database) == (
        1,
        f"vulnerable: django {version}: PYSEC-2026-1, fixed in 99.1\n",
    )


@pytest.mark.once
@pytest.mark.soak
@pytest.mark.parametrize("trouble", ["answers 503", "nobody listens"])
def test_a_database_that_does_not_answer_is_a_result_of_its_own(
    database: Database, trouble: str
) -> None:
    database.is_broken = trouble == "answers 503"
    if trouble == "nobody listens":
        database.url = "http://127.0.0.1:1/v1/query"
    code, words = audit(database)
    assert (code, words.startswith("could not be audited: ")) == (3, True)
    assert words.count("\n") == 1


@pytest.mark.once
def test_packages_that_pip_audit_leaves_out_are_counted(database: Database, tmp_path: Path) -> None:
    for name, version in (("good", "1.0"), ("odd", "of-yesterday")):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
    code, words = audit(database, "--path", str(tmp_path))
    assert code == 3
    assert words.startswith("could not be audited: 1 of 2 packages (")
