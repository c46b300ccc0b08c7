"""Broker and counters over TLS: a certificate of nobody, of another name, or that has run out is
refused by each of those that connect, unless the address says otherwise.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from limits.errors import StorageError
from limits.storage import RedisStorage, storage_from_string
from redis import Redis
from redis.exceptions import RedisError

from backups.bench.rig.processes import broker_at
from backups.tests.faults.tls_front import CERTIFICATES, TlsFront
from backups.tests.web.test_health import readyz_with
from vbsdash import broker_url

pytestmark = pytest.mark.either
CA = f"ssl_ca_certs={CERTIFICATES}"
# Certificate, host, options, and whether it is good enough.
CASES = [
    ("good.pem", "127.0.0.1", "", False),
    ("good.pem", "127.0.0.1", "?ssl_cert_reqs=required", False),
    ("good.pem", "127.0.0.1", "?ssl_check_hostname=false", False),
    ("good.pem", "127.0.0.1", f"?{CA}/another.pem", False),
    ("good.pem", "127.0.0.1", f"?{CA}/good.pem", True),
    ("good.pem", "localhost", f"?{CA}/good.pem", True),
    ("good.pem", "127.0.0.1", f"?{CA}/good.pem&ssl_cert_reqs=CERT_REQUIRED", True),
    ("good.pem", "127.0.0.1", "?ssl_cert_reqs=none", True),
    ("good.pem", "127.0.0.1", "?ssl_cert_reqs=CERT_NONE", True),
    ("another.pem", "127.0.0.1", f"?{CA}/another.pem", False),
    ("another.pem", "localhost", f"?{CA}/another.pem&ssl_check_hostname=true", False),
    ("another.pem", "127.0.0.1", f"?{CA}/another.pem&ssl_check_hostname=false", True),
    ("expired.pem", "127.0.0.1", f"?{CA}/expired.pem", False),
    ("expired.pem", "127.0.0.1", "?ssl_cert_reqs=none", True),
]
WAIT_S = 5
FAILURES = (OperationalError, StorageError, RedisError, OSError)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with broker_at(tmp_path_factory.mktemp("b")) as url:
        yield url


def celery_connects(url: str) -> None:
    """As the workers, the scheduler and /readyz do, by the same settings."""
    broker = broker_url.broker({"CELERY_BROKER_URL": url})
    assert broker is not None
    app = Celery(set_as_current=False)
    # Not broker_url, for which Celery reads the variable of the tests.
    app.conf.update(broker_read_url=broker.url, broker_use_ssl=broker.use_ssl)
    with app.connection_for_read(connect_timeout=WAIT_S) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=WAIT_S)


def redis_connects(url: str) -> None:
    """As redis-py does by itself."""
    with Redis.from_url(_redis_url(url), socket_timeout=WAIT_S) as client:
        client.ping()


def budgets_connect(url: str) -> None:
    RedisStorage(_redis_url(url), socket_timeout=WAIT_S).incr("x", 5)


def throttle_connects(url: str) -> None:
    storage = storage_from_string(_redis_url(url), wrap_exceptions=True, socket_timeout=WAIT_S)
    storage.incr("x", 5)


def _redis_url(url: str) -> str:
    address = broker_url.redis_url({"REDIS_URL": url})
    assert address is not None
    return address


def is_accepted(connects: Callable[[str], None], url: str) -> bool:
    try:
        connects(url)
    except FAILURES as e:
        if "certificate verify failed" not in str(e):
            raise
        return False
    return True


@pytest.mark.parametrize(
    "connects", [celery_connects, redis_connects, budgets_connect, throttle_connects]
)
@pytest.mark.parametrize(("certificate", "host", "options", "is_good"), CASES)
def test_all_who_connect_to_redis_agree_about_a_certificate(
    valkey: str,
    connects: Callable[[str], None],
    certificate: str,
    host: str,
    options: str,
    is_good: bool,
) -> None:
    parts = urlsplit(valkey)
    with TlsFront(parts.port or 0, certificate) as front:
        url = f"rediss://:{parts.password}@{host}:{front.port}/0{options}"
        assert is_accepted(connects, url) is is_good


def test_readyz_names_a_certificate_that_is_not_good_enough(valkey: str, tmp_path: Path) -> None:
    parts = urlsplit(valkey)
    with TlsFront(parts.port or 0, "good.pem") as front:
        url = f"rediss://:{parts.password}@127.0.0.1:{front.port}/0"
        _, _, without_authority = readyz_with(tmp_path, CELERY_BROKER_URL=url)
        _, _, with_authority = readyz_with(tmp_path, CELERY_BROKER_URL=f"{url}?{CA}/good.pem")
    assert "certificate" in without_authority["broker"]
    assert with_authority["broker"] == "ok"


@pytest.mark.parametrize(("certificate", "host", "options", "is_good"), CASES)
def test_celery_says_the_same_of_a_broker_of_amqp(
    rabbitmq: int, certificate: str, host: str, options: str, is_good: bool
) -> None:
    with TlsFront(rabbitmq, certificate) as front:
        url = f"amqps://guest:guest@{host}:{front.port}//{options}"
        assert is_accepted(celery_connects, url) is is_good
