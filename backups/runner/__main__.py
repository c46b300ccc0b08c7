"""`python -m backups.runner FD`: reads the plan from a pipe and runs it until a stop signal
comes.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from backups.runner import broker, parts
from backups.runner.console import Console
from backups.runner.part import Part
from backups.runner.plan import Plan
from backups.runner.ports import accepts, kept_free_port
from backups.runner.readiness import Readiness
from backups.runner.supervisor import StopWanted, Supervisor

READY_SECONDS = 60.0
HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where a server that listens everywhere is asked


class Run:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.console = Console()
        self.supervisor = Supervisor(self.console)
        self.banner_shown = False

    def __call__(self) -> None:
        """Returns after a wanted stop. Raises NoBroker before anything was started."""
        self.supervisor.watch_signals()
        try:
            self._start_broker()
            self._start_demo()
            self._start_vbsdash()
            self.supervisor.run()
        except StopWanted:
            if not self.banner_shown:
                self.console.say(self._account())  # a new password is seen once, here or nowhere
            self.console.say("stopping")
        finally:
            self.supervisor.stop()

    def _start_broker(self) -> None:
        if self.plan.broker_url_file is None:
            return
        url_file = Path(self.plan.broker_url_file)
        prepared = broker.prepare(url_file.parent, url_file)
        self._start_and_wait(parts.broker_part(prepared), prepared.answers)

    def _start_demo(self) -> None:
        if self.plan.demo_clouds_file is None:
            return
        clouds_file = Path(self.plan.demo_clouds_file)
        clouds_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        port = kept_free_port(clouds_file.parent / "port")
        before = _written_at(clouds_file)
        self._start_and_wait(
            parts.demo_part(port, clouds_file),
            lambda: _written_at(clouds_file) != before and accepts(port),
        )

    def _start_and_wait(self, part: Part, ready: Callable[[], bool]) -> None:
        self.supervisor.start(part)
        if not self.supervisor.wait_until(ready, seconds=READY_SECONDS):
            self.console.say(
                f"{part.name} is not ready after {READY_SECONDS:.0f} s; going on without it"
            )

    def _start_vbsdash(self) -> None:
        for part in (parts.web_part(self.plan.listen_fd), parts.worker_part(), parts.beat_part()):
            self.supervisor.start(part)
        readiness = Readiness(
            HERE.get(self.plan.host, self.plan.host), self.plan.port, self.plan.host_header
        )
        self.supervisor.wait_until(readiness.check, seconds=READY_SECONDS)
        self.console.say(self._banner(readiness.missing))
        self.banner_shown = True

    def _banner(self, missing: dict[str, str]) -> str:
        host = f"[{self.plan.host}]" if ":" in self.plan.host else self.plan.host
        late = "".join(f"\nwarning     {sentence}" for sentence in self.plan.warnings)
        late += "".join(f"\nnot ready   {name}: {said}" for name, said in missing.items())
        clouds = ", ".join(self.plan.clouds) or "none is configured: see README.md"
        if self.plan.demo_clouds_file:
            clouds = "a demo cloud with made-up backups (README.md: how to connect a real one)"
        return (
            f"\nvbsdash     http://{host}:{self.plan.port}/\n{self._account()}\n"
            f"clouds      {clouds}{late}\nCtrl-C stops everything\n"
        )

    def _account(self) -> str:
        return f"user        {self.plan.user}\npassword    {self.plan.password}"


def _written_at(file: Path) -> tuple[int, int] | None:
    """Changes whenever the file is replaced."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def main() -> None:
    plan = Plan.receive(int(sys.argv[1]))
    try:
        Run(plan)()
    except broker.NoBroker as e:
        sys.exit(f"vbsdash: {e}")


if __name__ == "__main__":
    main()
