"""A broker with a password of odd characters takes each of those that connect, by one address."""

from collections.abc import Callable, Iterator
from urllib.parse import quote, urlsplit

import pytest
from redis import Redis

from backups.bench.rig.processes import broker_at
from backups.tests.faults.test_tls import (
    budgets_connect,
    celery_connects,
    redis_connects,
    throttle_connects,
)
from backups.tests.vbsdash.test_broker_url import PASSWORDS

pytestmark = pytest.mark.either


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with broker_at(tmp_path_factory.mktemp("b")) as url:
        yield url


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("user", ["", "team:a/b@corp"])
@pytest.mark.parametrize(
    "connects", [celery_connects, redis_connects, budgets_connect, throttle_connects]
)
def test_one_address_with_a_password_lets_everybody_in(
    valkey: str, connects: Callable[[str], None], user: str, password: str
) -> None:
    name = user or "default"
    with Redis.from_url(valkey) as administrator:
        # Passwords are added, so that the administrator keeps the one in its address.
        administrator.acl_setuser(
            name,
            enabled=True,
            passwords=[f"+{password}"],
            categories=["+@all"],
            keys=["*"],
            channels=["*"],
        )
    place = f"127.0.0.1:{urlsplit(valkey).port}"
    connects(f"redis://{quote(user, safe='')}:{quote(password, safe='')}@{place}/3")
