"""What readers of pasted text hand on: each value that is meant as an ID, or is left out."""

from dataclasses import dataclass

from backups.analysis.numbers import thousands

MOST = 10_000  # IDs of backups at once


class TooMany(ValueError):
    """The text is a sentence for a person."""

    def __init__(self, what: str = "IDs", most: int = MOST) -> None:
        super().__init__(
            f"More than {thousands(most)} {what} at once; at most {thousands(most)} are taken."
        )


@dataclass(frozen=True)
class Piece:
    """`left_out` says whose ID it is when it is not a backup's: “a disk's ID”. `why` is the
    reason when the value can be none, and a better one is known than its characters tell.
    """

    value: str
    left_out: str | None = None
    why: str | None = None
