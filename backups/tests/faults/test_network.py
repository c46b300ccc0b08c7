"""Whoever cannot make hosts is told so, and CI does not pass over it."""

import pytest

from backups.tests.faults.network import need_hosts

SENTENCE = "no hosts as network namespaces: run it as root, with iproute2"


def test_where_no_hosts_can_be_made_a_test_is_skipped_loudly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"!!! {SENTENCE}"):
        need_hosts()


def test_where_no_hosts_can_be_made_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=SENTENCE):
        need_hosts()
