"""What the simulated cloud costs: making a large one, and answering over one kept connection."""

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

import requests

from backups.bench.report import Report, size, spent
from backups.simulator import Simulator
from backups.simulator.world import World

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CALLS = 200


def run(report: Report) -> None:
    backups = size()
    report.head(f"A simulated cloud of {backups:,} backups")

    def make_world() -> None:
        World(seed=1, backups=backups).advance(NOW.timestamp())

    def name_each() -> None:
        for n in range(backups):
            uuid5(NAMESPACE_URL, str(n))

    report.row("made", spent(make_world).wall, "s", reference=spent(name_each).wall, most=10)
    with Simulator(clock=lambda: NOW, backups=30) as simulator, requests.Session() as session:
        session.headers["X-Auth-Token"] = simulator.issue_token()
        url = f"{simulator.vbs_endpoint}/backups/{simulator.seed_example_id}"

        def ask() -> None:
            for _ in range(CALLS):
                session.get(url, timeout=60)

        # It would be 40 with Nagle's delay.
        report.row("a GET over a kept connection", spent(ask).wall / CALLS * 1000, "ms", most=20)
