"""Whether many backups are asked about by lists or one by one."""

import pytest

from backups.refresh import cost


@pytest.mark.parametrize(
    ("due", "listed", "per_second", "way"),
    [
        (3, 300, 5, "singles"),
        (19, 19, 5, "singles"),
        (200, 300, 5, "list"),
        (200, 100_000, 5, "singles"),
        (5_000, 100_000, 5, "list"),
        (5_000, 100_000, 0, "list"),
    ],
)
def test_the_cheaper_way_is_chosen(due: int, listed: int, per_second: float, way: str) -> None:
    assert cost.cheaper(due=due, listed=listed, page_size=1000, per_second=per_second) == way
