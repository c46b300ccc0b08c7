"""The scheduler of `celery beat`. It reconnects by itself, or ends so that its
supervisor starts it again.
"""

import logging
import os
import threading
import time

from celery.beat import ScheduleEntry, Scheduler, SchedulingError
from django.db import DatabaseError, connection
from kombu import Connection
from kombu.utils.objects import cached_property

from backups.runner import alive
from backups.shared.broker_errors import BROKER_ERRORS
from vbsdash import sign_of_life

logger = logging.getLogger(__name__)

BROKER_WAIT_S = 5  # for a connection, and for each answer of an AMQP broker
CONFIRMED_BY_AMQP = {
    "confirm_publish": True,
    "read_timeout": BROKER_WAIT_S,
    "write_timeout": BROKER_WAIT_S,
}


class ReconnectingScheduler(Scheduler):
    """Celery's in-memory scheduler with a heartbeat, stored after each message that
    the broker has confirmed.

    Celery's own connects once, waits for the broker for minutes, and keeps a dead connection for
    ever when publishing is not retried. Here each failure drops the connection and the next
    message, 5 s later at most, makes a new one.
    """

    # After so long without any success the process ends: a new one depends on no state of this one.
    gives_up_after_s = 60
    # One message that takes so long ends the process too.
    hangs_after_s = 60
    _failing_since: float | None = None  # by the monotonic clock; None while all is well
    _failures = 0
    _gave_up = False

    @cached_property
    def connection(self) -> Connection:
        """Returns a connection that only the scheduler uses: workers must not
        wait by its timeouts.
        """
        is_amqp = self.app.conf.broker_write_url.startswith("amqp")
        return self.app.connection_for_write(transport_options=CONFIRMED_BY_AMQP if is_amqp else {})

    def _ensure_connected(self) -> Connection:
        """Leaves connecting to `_send`, which does it before each message. Celery itself calls this
        before the first one only.
        """
        return self.connection

    def apply_entry(self, entry: ScheduleEntry, producer: object = None) -> None:
        """Sends one message and stores a heartbeat; ends the process where broker or database keep
        it waiting for too long.
        """
        watchdog = threading.Timer(self.hangs_after_s, self._end_at_once)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._send_and_beat(entry)
        finally:
            watchdog.cancel()

    def _send_and_beat(self, entry: ScheduleEntry) -> None:
        """Sends one message and stores a heartbeat. Of many failures in a row
        the first is logged.
        """
        try:
            self._send(entry)
        except (*BROKER_ERRORS, SchedulingError) as error:
            self._drop_connection()
            self._note_failure(f"the broker takes no message: {error}")
            return
        try:
            self._store_heartbeat()
        except DatabaseError as error:
            # The next heartbeat makes a new connection.
            connection.close()
            self._note_failure(f"the database takes no sign of life: {error}")
            return
        if self._failing_since is not None:
            logger.warning("the scheduler works again, after %d failures", self._failures)
        self._failing_since = None
        self._failures = 0

    def _send(self, entry: ScheduleEntry) -> None:
        # A new connection begins with the first of several brokers.
        retries = len(self.connection.alt) or 1
        self.connection.ensure_connection(
            max_retries=retries, interval_start=0, timeout=BROKER_WAIT_S
        )
        self.apply_async(entry, producer=self.producer, advance=False)

    def _store_heartbeat(self) -> None:
        from backups.shared import clock, heartbeat, processes

        clock.measure()
        heartbeat.beat("scheduler")
        sign_of_life.touch(alive.BEAT)
        processes.note("scheduler", clock.now())

    def _drop_connection(self) -> None:
        """Forgets the connection without closing it properly: a broker that is gone
        would never answer that.
        """
        self.__dict__.pop("producer", None)
        dropped: Connection | None = self.__dict__.pop("connection", None)
        if dropped is not None:
            dropped.collect()

    def _note_failure(self, sentence: str) -> None:
        now = time.monotonic()
        self._failures += 1
        if self._failing_since is None:
            self._failing_since = now
            logger.error("%s", sentence)
        elif now - self._failing_since >= self.gives_up_after_s:
            logger.critical(
                "the scheduler ends, to be started anew: %d failures in %d s, the last one: %s",
                self._failures,
                now - self._failing_since,
                sentence,
            )
            self._gave_up = True
            # Celery's loop ends by it, and calls `close`.
            raise SystemExit

    def _end_at_once(self) -> None:
        """Ends the process from another thread: the thread that waits, for a locked table or a
        stopped server, cannot be told to end.
        """
        logger.critical(
            "the scheduler ends, to be started anew: broker or database have kept it waiting for "
            "%d s",
            self.hangs_after_s,
        )
        os._exit(os.EX_TEMPFAIL)

    def close(self) -> None:
        """Ends with an exit code that is not 0 after giving up: Celery itself would end with 0,
        which a supervisor might take for the end of the work.
        """
        super().close()
        if self._gave_up:
            raise SystemExit(os.EX_TEMPFAIL)
