"""What readers of pasted text hand on: each value that is meant as an ID, or is left out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """`left_out` says whose ID it is when it is not a backup's: “a disk's ID”. `why` is the
    reason when the value can be none, and a better one is known than its characters tell.
    """

    value: str
    left_out: str | None = None
    why: str | None = None
