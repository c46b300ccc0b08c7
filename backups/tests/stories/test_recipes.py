"""The recipes of CONTRIBUTING.md: the diffs of each one are applied to a copy of the project, and
the copy then does what the recipe promises.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backups.tests.run_settings import LIMIT_S

pytestmark = [pytest.mark.once, pytest.mark.real_clock]
PROJECT = Path(__file__).resolve().parents[3]
# What a working copy may hold beside the project: caches, secrets, data.
NOT_COPIED = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".env",
    "clouds.yaml",
    "secure.yaml",
    "channels.yaml",
    "var",
    ".*_cache",
    ".hypothesis",
    "__pycache__",
)
RECIPES = (
    "A decoded key of the metadata",
    "A filter of the lists",
    "A page",
    "A setting",
    "A way to sign in",
    "A fourth dialect",
    "A channel",
)
DJANGO = """
import json, os, sys
sys.path.insert(0, os.getcwd())
import django
django.setup()
from django.core.management import call_command
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
"""
SIGNED_IN = """
from backups.tests.accounts import make_operator
call_command("migrate", verbosity=0)
web = Client(headers={"host": "localhost"})
web.force_login(User.objects.create_superuser("operator"))
"""


@dataclass
class Hunk:
    """The lines that stand in the file before and after it is applied."""

    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


@dataclass
class FileDiff:
    path: str
    is_new: bool
    hunks: list[Hunk] = field(default_factory=list)


def parse(diff: str) -> Iterator[FileDiff]:
    file: FileDiff | None = None
    is_new = False
    for line in diff.splitlines():
        if line.startswith("--- "):
            if file is not None:
                yield file
            is_new = line == "--- /dev/null"
        elif line.startswith("+++ b/"):
            file = FileDiff(line.removeprefix("+++ b/"), is_new)
        elif line.startswith("@@ "):
            assert file is not None
            file.hunks.append(Hunk())
        else:
            assert file is not None
            hunk = file.hunks[-1]
            assert line[:1] in ("", " ", "-", "+"), line
            if line[:1] != "+":
                hunk.before.append(line[1:])
            if line[:1] != "-":
                hunk.after.append(line[1:])
    assert file is not None
    yield file


def apply(file: FileDiff, tree: Path) -> None:
    """Applies the hunks of one file, by their lines alone: their numbers may be old."""
    path = tree / file.path
    if file.is_new:
        assert not path.exists(), f"{file.path} is there already"
        [hunk] = file.hunks
        path.write_text("\n".join(hunk.after) + "\n")
        return
    text = path.read_text()
    for hunk in file.hunks:
        before = "\n".join(["", *hunk.before, ""])
        after = "\n".join(["", *hunk.after, ""])
        assert text.count(before) == 1, (
            f"{file.path} does not hold once what a recipe of CONTRIBUTING.md changes there: "
            f"bring its diff up to date.\n{before}"
        )
        text = text.replace(before, after)
    path.write_text(text)


def diffs_of_recipes() -> dict[str, str]:
    """The diff blocks under each heading of the section, joined."""
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    [section] = re.findall(r"^## Recipes\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    recipes = re.findall(r"^### ([^\n]*)\n(.*?)(?=^### |\Z)", section, re.M | re.S)
    diffs = {}
    for heading, recipe in recipes:
        diffs[heading] = "".join(re.findall(r"^```diff\n(.*?)^```$", recipe, re.M | re.S))
    return diffs


@dataclass(frozen=True)
class Tree:
    """A copy of the project after one recipe."""

    root: Path
    home: Path
    touched: list[str]

    def run(self, code: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs code in the copy, with its own settings and a database file of its own."""
        whole_env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "VBSDASH_DATA_DIR": str(self.home / "data"),
            "OS_CLIENT_CONFIG_FILE": str(self.home / "clouds.yaml"),
            "DATABASE_URL": f"sqlite:///{self.home}/test.sqlite3",
            "CELERY_BROKER_URL": "memory://",
            "DJANGO_SETTINGS_MODULE": "vbsdash.settings",
            **env,
        }
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.root,
            env=whole_env,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def prove(self, code: str, **env: str) -> None:
        done = self.run(code, **env)
        assert done.returncode == 0, done.stdout + done.stderr


def follow(heading: str, folder: Path) -> Tree:
    root = folder / "project"
    home = folder / "home"
    home.mkdir()
    (home / "clouds.yaml").write_text("clouds: {}\n")
    shutil.copytree(PROJECT, root, ignore=NOT_COPIED)
    touched = []
    for file in parse(diffs_of_recipes()[heading]):
        apply(file, root)
        touched.append(file.path)
    return Tree(root, home, touched)


def test_there_is_a_recipe_for_each_usual_change() -> None:
    diffs = diffs_of_recipes()
    assert tuple(diffs) == RECIPES
    assert [heading for heading, diff in diffs.items() if not diff] == []


def test_a_key_gets_a_column_and_is_shown_everywhere(tmp_path: Path) -> None:
    tree = follow("A decoded key of the metadata", tmp_path)
    assert len(set(tree.touched)) <= 4
    tree.prove(
        """
import json, os, re, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from backups.simulator import Simulator
from backups.vbs import seed_example
ID = "00000000-0000-0000-0000-000000000007"
body = json.loads(seed_example.TEXT)["backup"] | {"id": ID}
body["service_metadata"] = json.dumps(json.loads(body["service_metadata"]) | {"RT": "95"})
with Simulator() as sim:
    sim.add(body)
    entry = sim.clouds_yaml("otc", vbs_requests_per_second=0)
    Path(os.environ["OS_CLIENT_CONFIG_FILE"]).write_text(entry)
"""
        + indented(DJANGO + 'call_command("makemigrations", "backups", verbosity=0)' + SIGNED_IN)
        + """
    from backups.clouds import registry
    from backups.edits import tracking
    registry.ensure_rows()
    tracking.add(cloud="otc", values=[ID, sim.seed_example_id], now=timezone.now())
    call_command("refresh_backups", stdout=open(os.devnull, "w"))
    backup = web.get(f"/api/backups/{ID}/").json()
    assert backup["tracking_state"] == "fresh", backup
    assert backup["restore_seconds"] == 95, backup
    assert sorted(backup["unmapped"]) == ["BackupSize", "snap_id"], backup
    rows = web.get("/api/backups/?restore_seconds_min=90").json()["results"]
    assert [row["id"] for row in rows] == [ID], rows
    page = web.get(f"/backups/{ID}/").content.decode()
    text = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert "Restore takes RT 95 s" in text, text
    schema = web.get("/api/schema/", headers={"accept": "application/json"}).json()
    field = schema["components"]["schemas"]["Backup"]["properties"]["restore_seconds"]
    assert field["description"] == "How long a restore would take.", field
"""
    )
    assert len(list((tree.root / "backups/migrations").glob("0*.py"))) == 1 + len(
        list((PROJECT / "backups/migrations").glob("0*.py"))
    )


def test_a_filter_finds_on_the_page_in_json_and_in_the_table(tmp_path: Path) -> None:
    tree = follow("A filter of the lists", tmp_path)
    tree.prove(
        DJANGO
        + SIGNED_IN
        + """
from backups.models import Backup, Cloud
ids = [f"00000000-0000-0000-0000-00000000000{n}" for n in range(2)]
cloud = Cloud.objects.create(name="otc")
for pk, note in zip(ids, ["", "ask Ada"]):
    Backup.objects.create(pk=pk, cloud=cloud, note=note, tracked_at=timezone.now())
for query, expected in (
    ("has_note=true", ids[1:]),
    ("has_note=false", ids[:1]),
    ("has_note=true&has_note=false", ids),
):
    rows = web.get(f"/api/backups/?{query}").json()["results"]
    assert sorted(row["id"] for row in rows) == expected, (query, rows)
    table = b"".join(web.get(f"/api/backups.csv?{query}&fields=id").streaming_content).decode()
    assert sorted(table.split()[1:]) == expected, (query, table)
    page = web.get(f"/backups/?{query}").content.decode()
    assert [pk for pk in ids if pk in page] == expected, query
refused = web.get("/api/backups/?has_note=maybe")
assert refused.status_code == 400 and "has_note" in refused.json()["errors"], refused.content
"""
    )


def test_a_page_answers_those_who_are_signed_in(tmp_path: Path) -> None:
    tree = follow("A page", tmp_path)
    assert len(set(tree.touched)) <= 4
    tree.prove(
        DJANGO
        + SIGNED_IN
        + """
answer = web.get("/about/")
assert answer.status_code == 200, answer
assert f"Django {django.get_version()}, SQLite" in answer.content.decode(), answer.content
assert 'href="/about/"' in web.get("/account/").content.decode()
assert web.post("/about/").status_code == 405
stranger = Client(headers={"host": "localhost"}).get("/about/")
assert stranger.status_code == 302 and "/accounts/login/" in stranger["Location"], stranger
"""
    )


def test_a_setting_is_obeyed_or_refused_by_its_name(tmp_path: Path) -> None:
    tree = follow("A setting", tmp_path)
    tree.prove(
        DJANGO
        + SIGNED_IN
        + """
statuses = [web.get("/api/views/").status_code for _ in range(3)]
assert statuses == [200, 200, 429], statuses
""",
        VBSDASH_API_CALLS="2",
    )
    done = tree.run(DJANGO, VBSDASH_API_CALLS="none")
    assert (done.returncode, done.stderr) == (
        1,
        "vbsdash: VBSDASH_API_CALLS is 'none': write a whole number from 1 on.\n",
    )
    assert "`VBSDASH_API_CALLS`" in (tree.root / "README.md").read_text()


def test_a_way_to_sign_in_authorises_calls(tmp_path: Path) -> None:
    tree = follow("A way to sign in", tmp_path)
    tree.prove(
        """
import json, os, sys, threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
sys.path.insert(0, os.getcwd())
from backups.vbs.client import Client
from backups.vbs.clouds import load_clouds
from backups.vbs.errors import ConfigurationError, SignInRefused
ID = "00000000-0000-0000-0000-000000000007"

class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200 if self.headers["X-Api-Key"] == "good-key" else 401
        body = json.dumps({"backup": {"id": ID}} if status == 200 else {}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()

def client(auth, auth_type="apikey"):
    entry = {
        "auth_type": auth_type,
        "auth": auth,
        "vbs_endpoint_override": f"http://127.0.0.1:{server.server_port}/v2/p",
    }
    file = Path(os.environ["OS_CLIENT_CONFIG_FILE"])
    file.write_text(json.dumps({"clouds": {"otc": entry}}))
    environ = {"OS_CLIENT_CONFIG_FILE": str(file)}
    config = load_clouds(environ, cwd=file.parent, home=file.parent)["otc"]
    return Client(config, clock=lambda: datetime.now(UTC))

good = client({"api_key": "good-key", "project_id": "p"})
assert good.get_backup(ID).backup == {"id": ID}
assert good.is_ready and good.signs_each_call
try:
    client({"api_key": "bad-key", "project_id": "p"}).get_backup(ID)
except SignInRefused as e:
    assert "bad-key" not in str(e)
else:
    raise AssertionError("a wrong key was accepted")
for auth, auth_type, name in (
    ({"project_id": "p"}, "apikey", "api_key in auth is missing"),
    ({"api_key": "k", "project_id": "p", "ak": "a"}, "apikey", "unknown key 'ak'"),
    ({}, "api", "or apikey"),
):
    try:
        client(auth, auth_type)
    except ConfigurationError as e:
        assert name in str(e), e
    else:
        raise AssertionError(name)
server.shutdown()
"""
    )


def test_a_fourth_dialect_is_chosen_and_spoken(tmp_path: Path) -> None:
    tree = follow("A fourth dialect", tmp_path)
    assert len(set(tree.touched)) <= 3
    tree.prove(
        """
import json, os, sys, threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
sys.path.insert(0, os.getcwd())
from backups.vbs import dialects
from backups.vbs.client import Client
from backups.vbs.clouds import load_clouds
from backups.vbs.errors import ConfigurationError, Gone
ID = "00000000-0000-0000-0000-000000000007"
GONE = "00000000-0000-0000-0000-000000000008"
asked = []

class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        is_gone = GONE in self.path
        body = {"copies": [{"id": ID}]} if "?" in self.path else {"copy": {"id": ID}}
        if is_gone:
            body = {"error_code": "SBS.0404", "error_msg": "no such copy"}
        text = json.dumps(body).encode()
        self.send_response(404 if is_gone else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()

def client(api):
    entry = {
        "auth_type": "aksk",
        "auth": {"ak": "a", "sk": "s", "project_id": "p"},
        "vbs_endpoint_override": f"http://127.0.0.1:{server.server_port}",
        "vbs_api": api,
    }
    file = Path(os.environ["OS_CLIENT_CONFIG_FILE"])
    file.write_text(json.dumps({"clouds": {"otc": entry}}))
    environ = {"OS_CLIENT_CONFIG_FILE": str(file)}
    config = load_clouds(environ, cwd=file.parent, home=file.parent)["otc"]
    return Client(config, clock=lambda: datetime.now(UTC))

one = client("sbs")
assert one.get_backup(ID).backup == {"id": ID}
assert one.list_backups(limit=3, sort_dir="desc") == [{"id": ID}]
assert one.dialect.name == "sbs" and not one.dialect.has_quota
assert asked == [f"/p/copies/{ID}", "/p/copies?limit=3&offset=0&order=-created_at"]
try:
    one.get_backup(GONE)
except Gone:
    pass
else:
    raise AssertionError("it was not gone")
assert dialects.catalog_types("auto")[-1] == "sbs"
assert dialects.catalog_types("sbs") == ["sbs"]
try:
    client("sbx")
except ConfigurationError as e:
    assert "sbs" in str(e), e
else:
    raise AssertionError("an unknown one was taken")
server.shutdown()
"""
    )


def test_a_channel_is_read_refused_and_sent_to(tmp_path: Path) -> None:
    tree = follow("A channel", tmp_path)
    assert len(set(tree.touched)) <= 4
    tickets = tmp_path / "tickets"
    tickets.mkdir()
    file = tmp_path / "channels.yaml"
    file.write_text(f"channels: {{tickets: {{kind: folder, path: {tickets}, filter: cloud=otc}}}}")
    tree.prove(
        DJANGO
        + """
from pathlib import Path
from backups.alarms.channels_file import channels
from backups.tests.alarms.messages import EVENT, message
[channel] = channels().values()
assert (channel.kind, channel.query) == ("folder", "cloud=otc")
for _ in range(2):
    answer = channel.send(message())
    assert answer.is_delivered, answer
[ticket] = Path(channel.path).iterdir()
assert ticket.name == f"{EVENT}.json"
assert json.loads(ticket.read_text()) == json.loads(json.dumps(message().as_json()))
ticket.unlink()
Path(channel.path).rmdir()
assert not channel.send(message()).is_delivered
""",
        VBSDASH_CHANNELS_FILE=str(file),
    )
    done = tree.run(DJANGO, VBSDASH_CHANNELS_FILE=str(file))
    assert (done.returncode, done.stderr) == (
        1,
        f"vbsdash: {file}, channel 'tickets': path names {tickets}, which is no folder: make it, "
        "or correct path.\n",
    )


def indented(code: str) -> str:
    return re.sub(r"^(?=.)", "    ", code, flags=re.M)
