"""The pictures of the README, taken of the demo cloud by `make screenshots`; each run proves that
they can be taken.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from backups.models import Backup
from backups.tests.screen import Watched, demo

pytestmark = [
    pytest.mark.soak,
    pytest.mark.browser,
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
]
PROJECT = Path(__file__).resolve().parents[3]
PICTURES = "backups/tests/pictures"


def test_the_screenshots_of_the_readme_show_the_demo_cloud(
    watched: Watched, settings: Any, tmp_path: Path
) -> None:
    to = PROJECT / PICTURES if os.environ.get("VBSDASH_SCREENSHOTS") else tmp_path
    watched.page.set_viewport_size({"width": 1280, "height": 600})
    page, readme = watched.page, (PROJECT / "README.md").read_text()
    with demo(settings, tmp_path):
        failed = Backup.objects.filter(
            status="error", fail_reason__contains="VolumeBackup"
        ).order_by("-created_at")[0]
        paths = {
            "home": "/",
            "list": "/backups/?ordering=attention",
            "backup": reverse("backup", args=[failed.pk]),
        }
        for name, path in {**paths, "disks": "/volumes/", "failures": "/failures/"}.items():
            page.goto(path)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=to / f"{name}.png")
            assert 20_000 < (to / f"{name}.png").stat().st_size <= 150_000
            assert f"({PICTURES}/{name}.png)" in readme
    assert watched.complaints == []
