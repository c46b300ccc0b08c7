"""The simulator in a process of its own, so that its CPU time is not counted as ours."""

import multiprocessing
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from backups.simulator import Fault, Simulator
from backups.simulator.simulator import utc_now


class CloudProcess:
    """`ask("ids")` reads an attribute there, `ask("fault", Fault(…))` calls a
    method. A context manager. `lives`: its time goes on.
    """

    def __init__(self, *, lives: bool = False, **options: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child_pipe = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(child_pipe, options, lives), daemon=True
        )
        self._process.start()
        child_pipe.close()
        self.port: int = self.ask("port")
        self.url: str = self.ask("url")

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def ask(self, name: str, *args: Any, **options: Any) -> Any:
        self._pipe.send((name, args, options))
        return self._pipe.recv()

    def refuse_lists(self) -> None:
        """Makes the cloud answer only single GETs from now on."""
        self.ask("fault", Fault("status", status=403, path="/backups/detail"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pipe.close()  # The other side stops by that.
        self._process.join(5)


def _serve(pipe: Connection, options: dict[str, Any], lives: bool) -> None:
    """Answers until the pipe is closed. Unless it `lives`, its time stands still: in the middle of
    a measurement no backup begins, moves on or is deleted.
    """
    began = datetime.now(UTC)
    clock = utc_now if lives else lambda: began
    with Simulator(clock=clock, **options) as simulator:
        while True:
            try:
                name, args, options = pipe.recv()
            except (EOFError, KeyboardInterrupt):
                return
            member = getattr(simulator, name)
            pipe.send(member(*args, **options) if callable(member) else member)
