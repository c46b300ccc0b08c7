"""One log stream: every line carries the name of the part that wrote it."""

import os
import sys
from typing import TextIO

WIDTH = 6
COLOURS = {"up": 37, "broker": 35, "demo": 36, "worker": 32, "beat": 33, "web": 34}  # SGR codes
# A log must not steer the terminal: escape sequences and other control characters of a line are
# dropped, tabs stay.
_CONTROL = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160)])


class Console:
    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._coloured = self._stream.isatty() and not os.environ.get("NO_COLOR")

    def line(self, part: str, text: str) -> None:
        """Write one line. When nobody reads any more the line is dropped: the parts go on."""
        name = f"{part:<{WIDTH}} |"
        if self._coloured:
            name = f"\x1b[{COLOURS.get(part, 37)}m{name}\x1b[0m"
        try:
            print(name, text.rstrip().translate(_CONTROL), file=self._stream, flush=True)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def say(self, text: str) -> None:
        """One or more lines of the runner itself."""
        for each in text.split("\n"):
            self.line("up", each)


class Lines:
    """Bytes of a pipe, cut into lines; a line longer than `LIMIT` bytes is cut there."""

    LIMIT = 64 * 1024

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self.LIMIT:
            whole, self._rest = [*whole, self._rest], b""
        return [line.decode(errors="replace") for line in whole if line.strip()]

    def end(self) -> list[str]:
        """What was written without a line end."""
        return self.feed(b"\n")
