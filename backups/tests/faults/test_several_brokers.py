"""Of several brokers of AMQP the last is used where the others are away."""

from pathlib import Path

import pytest

from backups.runner.ports import free_port
from backups.shared.heartbeat import signs
from backups.tests.vbsdash.test_scheduler import scheduler, send
from backups.tests.web.test_health import readyz_with

pytestmark = pytest.mark.either


@pytest.fixture
def url(rabbitmq: int) -> str:
    ports = [free_port(), free_port(), rabbitmq]
    return ";".join(f"amqp://guest:guest@127.0.0.1:{port}//" for port in ports)


def test_readyz_asks_the_last_broker_too(url: str, tmp_path: Path) -> None:
    _, _, parts = readyz_with(tmp_path, CELERY_BROKER_URL=url)
    assert parts["broker"] == "ok"


@pytest.mark.django_db
def test_the_scheduler_sends_to_the_last_broker_too(url: str) -> None:
    sender = scheduler(url)
    with sender.connection:
        send(sender)
    assert "scheduler" in signs()
