"""What the words of a backup say of it."""

import pytest

from backups.analysis.facts import made_by


@pytest.mark.parametrize(
    ("name", "service_type", "expected"),
    [
        ("autobk_1a2b", "disk", "policy"),
        ("autobk_1a2b", None, "policy"),
        ("manualbk_12345", "disk", "csbs"),
        ("mine", "vm", "csbs"),
        ("before the release", "disk", "hand"),
        (None, None, "hand"),
    ],
)
def test_names_tell_who_made_a_backup(
    name: str | None, service_type: str | None, expected: str
) -> None:
    assert made_by(name=name, service_type=service_type) == expected
