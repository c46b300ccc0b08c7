"""When something is quiet: once for a time, or again and again by a cron expression. Pure.

Lengths are of elapsed time: quiet hours that begin at 22:00 for eight hours end an hour earlier or
later by the clock in the night in which the clocks are changed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from backups.analysis import zones

# Cron walks by the clock on the wall. Where that one repeats an hour, its place in time is up to so
# much beside the one that is looked from; a little more, as the place itself is left out.
_REPEATED = timedelta(hours=3)


@dataclass(frozen=True, kw_only=True)
class QuietTime:
    """From `begins_at` to before `ends_at`, None for without end; with `cron` only for `duration`
    from each of its times on, in `zone`.
    """

    begins_at: datetime
    ends_at: datetime | None
    cron: str | None = None
    duration: timedelta = timedelta(0)
    zone: str = "UTC"

    def quiet_until(self, now: datetime) -> datetime | None:
        """Returns when the quiet that holds now is over; None where it is not quiet now."""
        if now < self.begins_at or (self.ends_at is not None and now >= self.ends_at):
            return None
        if self.cron is None:
            return self.ends_at
        begun_at = self._last_time(self.cron, now)
        if begun_at is None or begun_at < self.begins_at:
            # The first time of all may have been before the whole began: that one is left out.
            return None
        over_at = begun_at + self.duration
        if now >= over_at:
            return None
        return over_at if self.ends_at is None else min(over_at, self.ends_at)

    def next_change(self, now: datetime) -> datetime | None:
        """Returns when it next becomes quiet, or is quiet no longer; None for never again."""
        until = self.quiet_until(now)
        if until is not None:
            return until
        if self.ends_at is not None and now >= self.ends_at:
            return None
        if self.cron is None:
            return self.begins_at
        earliest = max(now, self.begins_at)
        local = (earliest - _REPEATED).astimezone(zones.zone_or_utc(self.zone))
        for at in CronSim(self.cron, local):
            begun_at = at.astimezone(UTC)
            if begun_at > now and begun_at >= self.begins_at:
                return begun_at if self.ends_at is None or begun_at < self.ends_at else None
        return None

    def _last_time(self, cron: str, now: datetime) -> datetime | None:
        """Returns the last of cron's times that is not later than now."""
        local = (now + _REPEATED).astimezone(zones.zone_or_utc(self.zone))
        for at in CronSim(cron, local, reverse=True):
            begun_at = at.astimezone(UTC)
            if begun_at <= now:
                return begun_at
        return None
