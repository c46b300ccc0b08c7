from collections.abc import Iterator

import pytest

from backups.tests.deploy.image import Image, built, need_namespaces


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """Built once: nobody writes into it but its volume."""
    need_namespaces()
    with built() as finished:
        yield finished
