"""`python -m backups.runner FD`: reads the plan from a pipe and runs its parts
until a stop signal.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from backups.runner import broker, parts
from backups.runner.console import Console
from backups.runner.part import Part
from backups.runner.plan import Plan
from backups.runner.ports import accepts, stored_free_port
from backups.runner.readiness import Readiness
from backups.runner.supervisor import StopWanted, Supervisor

READY_WITHIN_S = 60.0


class Run:
    """One run of a plan, from its first part to the end of all of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.console = Console()
        self.supervisor = Supervisor(self.console)
        self.banner_shown = False

    def __call__(self) -> None:
        """Runs the parts; returns after a stop signal. Raises NoBroker before starting any."""
        self.supervisor.watch_signals()
        try:
            self._start_broker()
            self._start_demo()
            self._start_vbsdash()
            self.supervisor.run()
        except StopWanted:
            if not self.banner_shown:
                # A new password is shown once, here or nowhere.
                self.console.say(self._account())
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
        port = stored_free_port(clouds_file.parent / "port")
        earlier_version = _version(clouds_file)
        self._start_and_wait(
            parts.demo_part(port, clouds_file),
            lambda: _version(clouds_file) != earlier_version and accepts(port),
        )

    def _start_and_wait(self, part: Part, ready: Callable[[], bool]) -> None:
        self.supervisor.start(part)
        if not self.supervisor.wait_until(ready, seconds=READY_WITHIN_S):
            self.console.say(
                f"{part.name} is not ready after {READY_WITHIN_S:.0f} s; going on without it"
            )

    def _start_vbsdash(self) -> None:
        self.supervisor.start(parts.web_part(self.plan.listen_fd, port=self.plan.port))
        self.supervisor.start(parts.worker_part())
        self.supervisor.start(parts.beat_part())
        readiness = Readiness(self.plan.probe_host, self.plan.port)
        self.supervisor.wait_until(readiness.check, seconds=READY_WITHIN_S)
        self.console.say(self._banner(readiness.missing))
        self.banner_shown = True

    def _banner(self, missing: dict[str, str]) -> str:
        if self.plan.demo_clouds_file:
            clouds = "a demo cloud with made-up backups (README.md: how to connect a real one)"
        else:
            clouds = ", ".join(self.plan.clouds) or "none is configured: see README.md"
        lines = ["", f"vbsdash     {self.plan.urls[0]}"]
        lines += [f"            {url}" for url in self.plan.urls[1:]]
        if self.plan.behind_proxy:
            lines.append(f"behind it   {self.plan.behind_proxy} is where the proxy has to lead")
        lines += [self._account(), f"clouds      {clouds}"]
        lines += [f"warning     {sentence}" for sentence in self.plan.warnings]
        lines += [f"not ready   {name}: {complaint}" for name, complaint in missing.items()]
        lines.append("Ctrl-C stops everything")
        return "\n".join(lines) + "\n"

    def _account(self) -> str:
        return f"user        {self.plan.user}\npassword    {self.plan.password}"


def _version(file: Path) -> tuple[int, int] | None:
    """Returns something that changes whenever the file is replaced; None where there is none."""
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def main() -> None:
    plan = Plan.receive(int(sys.argv[1]))
    try:
        Run(plan)()
    except broker.NoBroker as e:
        sys.exit(f"vbsdash: {e}")


if __name__ == "__main__":
    main()
