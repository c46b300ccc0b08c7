"""The runner's supervision, on real processes: a small runner in a process of its own,
with tiny Python children.
"""

import io
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from backups.runner.console import Console, Lines
from backups.runner.part import how_it_ended, pause_before_restart
from backups.runner.supervisor import ALL_STOP_S, FIRST_STOP_S, KILL_S
from backups.tests.run_settings import LIMIT_S
from backups.tests.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[3]
HEAD = """
import signal, sys
from backups.runner.console import Console
from backups.runner.part import Part
from backups.runner.supervisor import StopWanted, Supervisor

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
supervisor = Supervisor(Console())
supervisor.watch_signals()
def start(name, code, **options):
    supervisor.start(Part(name, (sys.executable, "-u", "-c", code), **options))
try:
{body}
    supervisor.run()
except StopWanted:
    pass
finally:
    supervisor.stop()
"""
SLEEP = "import time; print('up'); time.sleep(100)"
# It ends by no limit of waiting either.
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); signal.pause()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-u', '-c', {DEAF!r}])"


class Runner:
    """A runner under test; `lines` are those that it has written so far."""

    def __init__(self, folder: Path, body: str) -> None:
        self.log = folder / "log"
        script = HEAD.format(body=textwrap.indent(textwrap.dedent(body).strip(), "    "))
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", script], cwd=PROJECT, stdout=out, stderr=subprocess.STDOUT
            )
        self.seen: dict[int, psutil.Process] = {}

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def wait_for(self, *wanted: str) -> None:
        wait_until(lambda: set(wanted) <= set(self.lines), lambda: f"{wanted} not in {self.lines}")
        self.remember_children()

    def remember_children(self) -> None:
        for process in psutil.Process(self.process.pid).children(recursive=True):
            self.seen[process.pid] = process

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> None:
        """Send `signum`, wait for the end."""
        self.process.send_signal(signum)
        self.process.wait(LIMIT_S)

    def left_over(self) -> list[int]:
        return [pid for pid, process in self.seen.items() if runs(process)]


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Runner]]:
    runners: list[Runner] = []

    def start(body: str) -> Runner:
        runners.append(Runner(tmp_path, body))
        return runners[-1]

    yield start
    for runner in runners:
        if runner.process.poll() is None:
            runner.remember_children()
        runner.process.kill()
        runner.process.wait()
        for process in runner.seen.values():
            if runs(process):
                process.kill()


def test_each_line_carries_the_name_of_its_part(run: Callable[[str], Runner]) -> None:
    runner = run("""
        start(
            "web",
            "import sys; print('out'); print('err', file=sys.stderr); print('no end', end='')",
        )
    """)
    runner.wait_for("web    | out", "web    | err", "web    | no end")


def test_a_line_that_is_not_to_be_said_is_dropped_and_its_neighbours_stay(
    run: Callable[[str], Runner],
) -> None:
    runner = run("""
        code = "import time; print('one'); print('WARNING noise'); print('two'); time.sleep(100)"
        start("web", code, hidden_text="noise")
    """)
    runner.wait_for("web    | two")
    assert runner.lines == ["web    | one", "web    | two"]


def test_a_part_starts_only_when_what_is_awaited_has_come(
    run: Callable[[str], Runner], tmp_path: Path
) -> None:
    mark = str(tmp_path / "mark")
    runner = run(f"""
        import os
        start(
            "broker",
            "import time; time.sleep(0.5); open({mark!r}, 'w').close(); "
            "print('ready'); time.sleep(100)",
        )
        supervisor.wait_until(lambda: os.path.exists({mark!r}), seconds={LIMIT_S})
        start(
            "worker",
            "import os, time; print('found', os.path.exists({mark!r})); time.sleep(100)",
        )
    """)
    runner.wait_for("broker | ready", "worker | found True")


def test_waiting_ends_when_the_time_is_over(run: Callable[[str], Runner]) -> None:
    run("""
        start("web", "import time; time.sleep(100)")
        print("answer", supervisor.wait_until(lambda: False, seconds=0.3), flush=True)
    """).wait_for("answer False")


def test_a_part_that_dies_is_restarted_later_each_time_and_says_once_why(
    run: Callable[[str], Runner], tmp_path: Path
) -> None:
    births = tmp_path / "births"
    code = (
        "import os, sys, time\n"
        f"print(time.monotonic(), file=open({str(births)!r}, 'a'))\n"
        "print(f'process {os.getpid()} at {time.time()}: object at {id(sys):#x}')\n"
        "sys.exit('vbsdash: PORT is wrong.')\n"
    )
    runner = run(f'start("beat", {code!r})')
    last = (
        "up     | beat does not stay up: its own lines above say why. It is tried again ever more "
        "rarely, at last every 5 minutes."
    )
    runner.wait_for(last)
    assert len(births.read_text().split()) == 3
    (first, *others) = runner.lines
    assert first.startswith("beat   | process ")
    assert others == [
        "beat   | vbsdash: PORT is wrong.",
        "up     | beat ended (exit code 1); starting it again in 1 s",
        "up     | beat ended (exit code 1) with the same lines, 2 times by now; starting it again "
        "in 2 s",
        last,
    ]
    moments = [float(moment) for moment in births.read_text().split()]
    pauses = [after - before for before, after in pairwise(moments)]
    assert pauses[0] >= 1
    assert pauses[1] >= 2


def test_a_part_that_ends_for_another_reason_says_that_one_too(
    run: Callable[[str], Runner], tmp_path: Path
) -> None:
    mark = str(tmp_path / "mark")
    code = (
        "import os, sys\n"
        "print('reading the settings')\n"
        f"if os.path.exists({mark!r}): sys.exit('the database is away')\n"
        f"open({mark!r}, 'w').close()\n"
        "sys.exit('the broker is away')\n"
    )
    runner = run(f'start("worker", {code!r})')
    runner.wait_for("up     | worker ended (exit code 1); starting it again in 2 s")
    assert runner.lines == [
        "worker | reading the settings",
        "worker | the broker is away",
        "up     | worker ended (exit code 1); starting it again in 1 s",
        "worker | the database is away",
        "up     | worker ended (exit code 1); starting it again in 2 s",
    ]


def test_a_killed_part_comes_back_and_what_it_had_started_does_not_stay(
    run: Callable[[str], Runner],
) -> None:
    runner = run(f'start("web", {PARENT!r})')
    runner.wait_for("web    | deaf")
    (leader,) = psutil.Process(runner.process.pid).children()
    of_before = runner.left_over()
    leader.kill()
    runner.wait_for("up     | web ended (SIGKILL); starting it again in 1 s")
    # On a slow machine the part that was started again may be up by now. It belongs here.
    wait_until(
        lambda: set(runner.left_over()).isdisjoint(of_before), lambda: str(runner.left_over())
    )
    wait_until(lambda: runner.lines.count("web    | deaf") == 2, lambda: str(runner.lines))


def test_a_program_that_does_not_exist_is_named_and_tried_again(
    run: Callable[[str], Runner],
) -> None:
    runner = run('supervisor.start(Part("broker", ("/no/such/server",)))')
    line = (
        "up     | broker cannot be started: [Errno 2] No such file or directory: '/no/such/server'"
    )
    runner.wait_for(line)
    wait_until(lambda: runner.lines.count(line) == 2, lambda: str(runner.lines))


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_stops_all_and_leaves_no_process(
    run: Callable[[str], Runner], signum: signal.Signals
) -> None:
    runner = run(f'start("web", {SLEEP!r})\nstart("worker", {SLEEP!r})')
    runner.wait_for("web    | up", "worker | up")
    assert len(runner.seen) == 2
    runner.stop(signum)
    assert (runner.process.returncode, runner.left_over()) == (0, [])
    assert runner.lines[-1] == "up     | stopped"
    assert [line for line in runner.lines if "killed" in line] == []


def test_a_second_ctrl_c_prints_no_traceback(run: Callable[[str], Runner]) -> None:
    on_term = "signal.signal(15, lambda *_: (print('ending'), time.sleep(0.5), exit()))"
    slow = f"import signal, time; {on_term}; print('up'); time.sleep(100)"
    runner = run(f'start("worker", {slow!r})')
    runner.wait_for("worker | up")
    runner.process.send_signal(signal.SIGINT)
    runner.wait_for("worker | ending")
    for _ in range(2):
        runner.process.send_signal(signal.SIGINT)
    assert runner.process.wait(LIMIT_S) == 0
    assert runner.lines == ["worker | up", "worker | ending", "up     | stopped"]


def test_what_stops_last_lives_until_the_others_have_ended(run: Callable[[str], Runner]) -> None:
    on_term = "signal.signal(15, lambda *_: ({pause}, print('ended'), exit()))"
    said = f"import signal, time; {on_term}; print('up'); time.sleep(100)"
    broker, worker = said.format(pause="0"), said.format(pause="time.sleep(0.5)")
    runner = run(f'start("broker", {broker!r}, stops_last=True)\nstart("worker", {worker!r})')
    runner.wait_for("broker | up", "worker | up")
    runner.stop()
    assert runner.lines[-3:] == ["worker | ended", "broker | ended", "up     | stopped"]


def test_a_stop_takes_10_s_at_the_most() -> None:
    assert FIRST_STOP_S < ALL_STOP_S
    assert ALL_STOP_S + KILL_S < 10


def test_parts_that_ignore_sigterm_are_killed_with_their_children(
    run: Callable[[str], Runner],
) -> None:
    runner = run(
        f'start("broker", {DEAF!r}, stops_last=True)\n'
        f'start("web", {PARENT!r})\nstart("worker", {DEAF!r})'
    )
    runner.wait_for("broker | deaf", "web    | deaf", "worker | deaf")
    assert len(runner.seen) == 4
    runner.stop()
    assert (runner.process.returncode, runner.left_over()) == (0, [])
    assert "up     | worker did not stop in time: killed" in runner.lines


def test_a_stop_during_the_start_stops_what_was_started(run: Callable[[str], Runner]) -> None:
    runner = run(
        f'start("broker", {SLEEP!r})\nsupervisor.wait_until(lambda: False, seconds={LIMIT_S})'
    )
    runner.wait_for("broker | up")
    runner.stop()
    assert (runner.process.returncode, runner.left_over()) == (0, [])


def test_a_killed_runner_takes_its_parts_with_it(run: Callable[[str], Runner]) -> None:
    runner = run(f'start("web", {DEAF!r})\nstart("worker", {DEAF!r})')
    runner.wait_for("web    | deaf", "worker | deaf")
    runner.stop(signal.SIGKILL)
    wait_until(lambda: runner.left_over() == [], lambda: str(runner.left_over()))


def test_parts_go_on_when_nobody_reads_the_log() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream:
        console = Console(stream)
        console.line("web", "into the void")
        console.line("web", "and again")
        # Where all later lines go.
        assert os.fstat(stream.fileno()).st_rdev == os.stat(os.devnull).st_rdev


def test_a_line_cannot_steer_the_terminal() -> None:
    stream = io.StringIO()
    Console(stream).line("web", "a\x1b]0;title\x07\tb\r\n")
    assert stream.getvalue() == "web    | a]0;title\tb\n"


def test_lines_are_cut_at_line_ends_and_endless_ones_at_the_limit() -> None:
    lines = Lines()
    assert lines.feed(b"one\ntw") == ["one"]
    assert lines.feed(b"o\n\nthr\xff") == ["two"]
    assert lines.end() == ["thr\ufffd"]
    assert [len(line) for line in lines.feed(b"x" * (Lines.LIMIT + 1))] == [Lines.LIMIT + 1]


def test_pauses_double_up_to_5_minutes() -> None:
    pauses = [pause_before_restart(deaths) for deaths in range(12)]
    assert pauses == [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_an_end_is_named_by_its_code_or_its_signal() -> None:
    assert [how_it_ended(code) for code in (0, 3, -9, -15)] == [
        "exit code 0",
        "exit code 3",
        "SIGKILL",
        "SIGTERM",
    ]
