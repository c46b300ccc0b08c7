"""What a message that the broker does not take raises, whichever broker and library it is."""

from typing import Final

from amqp.exceptions import AMQPError
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

BROKER_ERRORS: Final = (OperationalError, AMQPError, RedisError, OSError)
