"""What an operator sees of an installation: the API, the pages, `/readyz`; and the cloud's record
of requests.

Every second each backup of its cloud moves on, so the engine looks at each every 10 s and calls it
stale after 20 s; a look in the second of another doubles that once.
"""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backups.simulator import Simulator
from backups.tests.faults.bodies import in_flight
from backups.tests.faults.parts import PROJECT, Part
from backups.tests.run_settings import PATIENCE
from backups.tests.waiting import wait_until

BACKUPS = 40
# Seconds between two looks at a backup in flight; the first when it has moved.
INTERVALS = (10, 20, 40, 80, 120)
STALE_AFTER_S = 2 * INTERVALS[0]
ANSWER_S = 30 * PATIENCE  # for one answer of the web part; what waits for a locked table gives none
CLOUD = "otc"
PREPARE = """
import django; django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
get_user_model().objects.create_superuser("admin", "", "word-for-tests")
call_command("create_token", "admin")
"""


@dataclass
class Seen:
    """What the API said while a fault lasted; `lies`: a backup called fresh whose answer was too
    old for that.
    """

    states: set[str] = field(default_factory=set)
    lies: list[str] = field(default_factory=list)
    polls: int = 0


class Installation:
    """Some parts as real processes, and one simulated cloud. Its kinds build the parts, which are
    started anew when they die by themselves.
    """

    url: str  # of its web part
    parts: Sequence[Part]

    def __init__(self, folder: Path, sim: Simulator) -> None:
        self.folder, self.sim = folder, sim
        self.ids = [str(uuid.uuid4()) for _ in range(BACKUPS)]
        self._closing = threading.Event()
        self._seen = Seen()
        self._key = ""

    def begin(self, env: Mapping[str, str], *, before: Sequence[str] = ()) -> None:
        """Sets up the database, starts the parts, and returns when all is fresh. `before` stands in
        front of the command line.
        """
        argv = [*before, sys.executable, "-c", PREPARE]
        done = subprocess.run(
            argv, env=env, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
        )
        self._key = done.stdout.split()[-1]
        for one in self.parts:
            one.start()
        threading.Thread(target=self._keep, daemon=True).start()
        threading.Thread(target=self._move_on, daemon=True).start()
        wait_until(lambda: self.get("/healthz")[0] == 200, self.logs)
        self.post("/api/backups/", {"cloud": CLOUD, "ids": self.ids})
        self.recovers(datetime.now(UTC))

    def end(self) -> None:
        self._closing.set()
        for one in reversed(self.parts):
            one.end()

    def _keep(self) -> None:
        """Start anew what died by itself, as `make run`, systemd and Compose do; not what
        a test has ended.
        """
        while not self._closing.wait(1):
            for one in self.parts:
                if one.died:
                    one.start()

    def _move_on(self) -> None:
        while not self._closing.wait(1):
            for one in self.ids:
                self.sim.add(in_flight(one, datetime.now(UTC)))

    def at_the_desk(self) -> AbstractContextManager[None]:
        """Where the operator asks from: a network from which the web part can be reached."""
        return nullcontext()

    # What an operator sees

    def get(self, path: str) -> tuple[int, Any]:
        """Status and text, or the value of JSON; status 0 when nobody answers."""
        return self._ask(
            urllib.request.Request(self.url + path, headers={"Authorization": f"Token {self._key}"})
        )

    def post(self, path: str, value: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Token {self._key}", "Content-Type": "application/json"}
        data = json.dumps(value).encode()
        return self._ask(urllib.request.Request(self.url + path, data=data, headers=headers))

    def _ask(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with (
                self.at_the_desk(),
                urllib.request.urlopen(request, timeout=ANSWER_S) as answer,
            ):
                return _read(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return _read(refusal)
        except (OSError, TimeoutError):
            return 0, ""

    def rows(self) -> list[dict[str, Any]]:
        """Every tracked backup as the API has it; empty when the API does not answer."""
        status, page = self.get(
            "/api/backups/?limit=1000&fields=id,tracking_state,refreshed_at,next_refresh_at"
        )
        return list(page["results"]) if status == 200 else []

    def failing(self) -> set[str]:
        """The parts that /readyz calls unready."""
        _, said = self.get("/readyz")
        return (
            {name for name, word in said["parts"].items() if word != "ok"}
            if isinstance(said, dict)
            else {"web"}
        )

    def says(self, part: str) -> None:
        wait_until(lambda: part in self.failing(), lambda: f"/readyz never names {part}")

    def states(self) -> set[str]:
        return {row["tracking_state"] for row in self.rows()}

    def notice_in(self, *parts: Part) -> None:
        """Each of these writes something into its log."""
        before = {part.log: part.log.stat().st_size for part in parts}
        wait_until(
            lambda: all(log.stat().st_size > size for log, size in before.items()), self.logs
        )

    def turns_stale(self) -> None:
        """The fault lasts until nothing is called fresh any more, and until who
        watches has seen it.
        """
        wait_until(lambda: self.states() == {"stale"}, lambda: f"not stale: {self.states()}")
        wait_until(lambda: "stale" in self._seen.states, lambda: f"seen: {self._seen.states}")

    @contextmanager
    def watched(self) -> Iterator[Seen]:
        """Look at the API twice a second; at the end nothing untrue may have been seen."""
        self._seen = seen = Seen()
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(seen, stop))
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()
        assert seen.lies == [], seen.lies[:3]

    def _watch(self, seen: Seen, stop: threading.Event) -> None:
        while not stop.wait(0.5):
            asked = datetime.now(UTC)
            for row in self.rows():
                seen.polls += 1
                seen.states.add(row["tracking_state"])
                age = (asked - _at(row["refreshed_at"])).total_seconds()
                if row["tracking_state"] == "fresh" and age > 2 * _interval(row) + 1:
                    seen.lies.append(f"fresh after {age:.0f} s: {row}")

    def lasts(self, seconds: float) -> None:
        """The outage that a test has made goes on for so long."""
        self._closing.wait(seconds)

    def recovers(self, since: datetime) -> None:
        """Every backup is fresh again by an answer after `since`, none lost, none doubled."""
        want = sorted(self.ids)

        def fresh() -> bool:
            rows = self.rows()
            good = [
                row
                for row in rows
                if row["tracking_state"] == "fresh" and _at(row["refreshed_at"]) > since
            ]
            return sorted(row["id"] for row in rows) == want == sorted(row["id"] for row in good)

        wait_until(fresh, self.logs)
        wait_until(lambda: not self.failing(), lambda: str(self.get("/readyz")))
        # See it with -rP.
        print(f"all is fresh again after {(datetime.now(UTC) - since).total_seconds():.0f} s")
        assert self.sim.max_in_flight_per_backup <= 1

    def is_whole(self) -> bool:
        good = sorted(row["id"] for row in self.rows() if row["tracking_state"] == "fresh")
        return good == sorted(self.ids) and not self.failing()

    def logs(self) -> str:
        """The end of what each process wrote, for the message of a failing test."""
        texts = [
            f"{file.name}: {file.read_text()[-1500:]}" for file in sorted(self.folder.glob("*.log"))
        ]
        return "\n".join([f"states {self.states()}, /readyz {self.get('/readyz')}", *texts])

    def busy(self) -> None:
        """Return while a question to the cloud is being answered, slowly."""
        self.sim.latency_ms = 3000
        self.sim.forget_requests()
        wait_until(lambda: self.sim.max_in_flight > 0, lambda: "nothing was asked")
        self.sim.latency_ms = 20


def _read(answer: Any) -> tuple[int, Any]:
    text = answer.read().decode()
    if "json" in answer.headers.get("Content-Type", ""):
        return answer.status, json.loads(text)
    return answer.status, text


def _at(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)


def _interval(row: dict[str, Any]) -> int:
    """The one that the time of the next look was made of, with 20 % to either side. Two looks in
    one second see nothing move, so the second one is followed by a longer one.
    """
    seconds = (_at(row["next_refresh_at"]) - _at(row["refreshed_at"])).total_seconds()
    return next((one for one in INTERVALS if 0.8 * one <= seconds <= 1.2 * one), INTERVALS[0])
