"""Access rules are read as Keystone's middleware reads them."""

import pytest

from backups.simulator.access_rules import AccessRule


@pytest.mark.parametrize(
    ("pattern", "path", "is_covered"),
    [
        ("/v3/*/backups/*", "/v3/p/backups/1", True),
        ("/v3/*/backups/*", "/v3/p/backups/detail", True),
        ("/v3/*/backups/*", "/v3/p/backups/1/restore", False),
        ("/v3/*/backups/*", "/v3/p/backups/", False),
        ("/v3/*/backups/*", "/volume/v3/p/backups/1", False),
        ("/v3/{project_id}/backups", "/v3/p/backups", True),
        ("/v3/{project_id}/backups", "/v3/p/q/backups", False),
        ("/v3/**", "/v3/p/backups/1/restore", True),
        ("/v3.0/p", "/v3x0/p", False),
    ],
)
def test_a_rule_covers_a_whole_path(pattern: str, path: str, is_covered: bool) -> None:
    rule = AccessRule("volumev3", "GET", pattern)
    assert rule.covers("volumev3", "GET", path) is is_covered
    assert not rule.covers("volumev3", "POST", path)
    assert not rule.covers("compute", "GET", path)
