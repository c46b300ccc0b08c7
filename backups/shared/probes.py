"""The addresses that monitoring asks, by host, container name or none at all."""

ALIVE = "/healthz"  # The process answers.
READY = "/readyz"  # Every part works.
METRICS = "/metrics"


def without_slash(path: str) -> str:
    """Returns the path as it is compared with these; who adds a slash is answered too."""
    return path.removesuffix("/")
