"""How a running backup changes with time: creating, progress, the
two-step end (`backups/vbs/API.md` §2).
"""

from dataclasses import dataclass
from typing import Literal

MAX_SECONDS_WITHOUT_METADATA = 10.0  # Creating, service_metadata still null.
MAX_RACE_SECONDS = 2.0  # Available, service_metadata not yet written.
Metadata = Literal["none", "short", "full"]


@dataclass(frozen=True, slots=True)
class Phase:
    """`metadata` none is null, short is the padded text of a running or failed backup,
    full has every key.
    """

    status: str
    progress: int | None
    metadata: Metadata


AVAILABLE = Phase("available", None, "full")
ERROR = Phase("error", None, "short")


def phase_at(
    elapsed: float, *, seconds: float, fails: bool = False, frozen_at: int | None = None
) -> Phase:
    """Returns the phase `elapsed` seconds after the start of a backup that takes `seconds`.

    `frozen_at` is the percentage at which progress stands still for ever.
    """
    if elapsed < min(MAX_SECONDS_WITHOUT_METADATA, seconds / 10):
        return Phase("creating", None, "none")
    if frozen_at is not None or elapsed < seconds:
        percent = min(99, int(100 * elapsed / seconds))
        if frozen_at is not None:
            percent = min(percent, frozen_at)
        return Phase("creating", percent, "short")
    if fails:
        return ERROR
    if elapsed < seconds + min(MAX_RACE_SECONDS, seconds / 10):
        return Phase("available", None, "none")
    return AVAILABLE
