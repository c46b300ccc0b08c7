"""Prints the lines of all parts as one stream, each with the name of the part that wrote it."""

import os
import sys
from typing import TextIO

from backups.runner import json_lines

NAME_WIDTH = 6  # characters
COLOURS = {"up": 37, "broker": 35, "demo": 36, "worker": 32, "beat": 33, "web": 34}  # SGR codes
# A log must not steer the terminal: escape sequences and other control characters of a line are
# dropped, tabs stay.
_CONTROL = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160)])


class Console:
    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._coloured = self._stream.isatty() and not os.environ.get("NO_COLOR")
        self._in_json = json_lines.are_wanted()

    def line(self, part: str, text: str) -> None:
        """Prints one line. When nobody reads any more it is dropped: the parts go on."""
        text = text.rstrip().translate(_CONTROL)
        if self._in_json:
            if not text:
                return
            line = json_lines.as_json(part, text)
        else:
            name = f"{part:<{NAME_WIDTH}} |"
            if self._coloured:
                name = f"\x1b[{COLOURS.get(part, 37)}m{name}\x1b[0m"
            line = f"{name} {text}"
        try:
            print(line, file=self._stream, flush=True)
        except BrokenPipeError:
            null_fd = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null_fd, self._stream.fileno())
            os.close(null_fd)

    def say(self, text: str) -> None:
        """Prints one or more lines of the runner itself."""
        for line in text.split("\n"):
            self.line("up", line)


class Lines:
    """Cuts the bytes of a pipe into lines; a line longer than `LIMIT` bytes is cut there."""

    LIMIT = 64 * 1024

    def __init__(self) -> None:
        self._unfinished = b""

    def feed(self, data: bytes) -> list[str]:
        """Returns the lines that are complete now, without the blank ones."""
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        if len(self._unfinished) > self.LIMIT:
            lines.append(self._unfinished)
            self._unfinished = b""
        return [line.decode(errors="replace") for line in lines if line.strip()]

    def end(self) -> list[str]:
        """Returns what was written without a line end."""
        return self.feed(b"\n")
