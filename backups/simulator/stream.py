"""A stream is one rhythm of backups of one disk: when each begins, how long it takes, what becomes
of it.
"""

import zlib
from dataclasses import dataclass

HOUR, DAY, WEEK = 3600, 86400, 604800
GROWTH_SINCE_DAY = 20089  # 2025-01-01 in days since 1970: chains grow by the calendar from here


@dataclass(frozen=True, slots=True)
class SimulatedVolume:
    """A volume. `listed` is whether the volume list names it; sizes as their names say, growth per
    day.
    """

    index: int
    volume_id: str
    name: str
    size_gb: int
    base_mb: int
    growth_mb: int
    bootable: bool = False
    encrypted: bool = False
    listed: bool = True


@dataclass(frozen=True, slots=True)
class Stream:
    """Occurrence `n` begins at phase + n × period (+ jitter); the newest `keep` that exist are
    kept.

    All times in seconds. Of each `cycle` occurrences only the first `on` exist (0 = all). `delay`:
    how much later than its beginning a backup first appears. `wobble`: by which share durations
    differ. `fail_one_in`: share of failures (0 = none), `cause` picks their text. `newest` and
    `oldest` are statuses that the newest and the oldest wear.
    `frozen_at`: the percentage at which progress stands still. `look` names what is odd about it
    (`look.py`).
    """

    key: str
    volume: SimulatedVolume
    period: int = DAY
    phase: int = 0
    keep: int = 10
    jitter: int = 120
    seconds: int = 420
    wobble: float = 0.16
    on: int = 0
    cycle: int = 0
    delay: int = 0
    full_every: int = 7
    fail_one_in: int = 0
    cause: int = 0
    newest: str | None = None
    oldest: str | None = None
    frozen_at: int | None = None
    look: str = "nightly"

    def dice(self, n: int, what: str = "") -> int:
        """32 bits that depend on stream, occurrence and purpose alone."""
        return zlib.crc32(f"{self.key}/{n}/{what}".encode())

    def exists(self, n: int) -> bool:
        return not self.cycle or n % self.cycle < self.on

    def begins(self, n: int) -> int:
        return self.phase + n * self.period + (self.dice(n) % self.jitter if self.jitter else 0)

    def newest_at(self, now: float) -> int:
        """The last existing occurrence that is visible at `now`."""
        n = int(now - self.delay - self.phase) // self.period
        while self.begins(n) + self.delay > now or not self.exists(n):
            n -= 1
        return n

    def after(self, n: int) -> int:
        n += 1
        while not self.exists(n):
            n += 1
        return n

    def before(self, n: int) -> int:
        n -= 1
        while not self.exists(n):
            n -= 1
        return n

    def takes(self, n: int) -> float:
        """Duration in seconds."""
        return self.seconds * (1 + self.wobble * (self.dice(n, "takes") % 2001 - 1000) / 1000)

    def is_full(self, n: int) -> bool:
        return n % self.full_every == 0

    def fails(self, n: int) -> bool:
        return bool(self.fail_one_in) and self.dice(n, "fails") % self.fail_one_in == 0

    def chain_mb(self, n: int) -> int:
        """Size of the whole chain after occurrence `n`: it grows with every increment, and with the
        disk.
        """
        place = n % self.full_every
        day = max(0.0, (n - place) * self.period / DAY - GROWTH_SINCE_DAY)
        full = (
            self.volume.base_mb
            + int(self.volume.growth_mb * day)
            + self.dice(n - place, "full") % 50
        )
        step = max(2, self.volume.base_mb // max(100, self.full_every))
        size = full + (place * step + self.dice(n, "step") % step if place else 0)
        if self.look == "pruned" and place >= 4:
            size -= full // 3
        if self.look == "runaway":
            size = full + int(
                60 * (1.75**place - 1)
            )  # each increment is 1.75 times the one before it
        return size
