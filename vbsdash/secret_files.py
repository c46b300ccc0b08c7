"""Secrets in files, as Docker and Kubernetes hand them out: NAME_FILE names the file with NAME."""

from collections.abc import Mapping
from pathlib import Path

from backups.vbs.errors import ConfigurationError

SECRETS = (
    "CELERY_BROKER_URL",
    "DATABASE_URL",
    "DJANGO_SUPERUSER_PASSWORD",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "OS_APPLICATION_CREDENTIAL_SECRET",
    "OS_PASSWORD",
    "OS_SECURITY_TOKEN",
    "OS_SK",
    "OS_TOKEN",
    "PGPASSWORD",
    "REDIS_URL",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "VBSDASH_OIDC_CLIENT_SECRET",
    "VBSDASH_PROXY_SECRET",
)
LARGEST = 64 * 1024  # bytes


def read(env: Mapping[str, str]) -> dict[str, str]:
    """Returns the settings with each secret that a file holds, without the line end behind it.

    The variable of the file itself is gone, so that nobody takes it for one of another program.
    """
    settings = dict(env)
    for name in SECRETS:
        variable = f"{name}_FILE"
        file = settings.pop(variable, "")
        if not file:
            continue
        if settings.get(name):
            raise ConfigurationError(f"{name} and {variable} are both set: unset one of them.")
        settings[name] = _content(variable, Path(file))
    return settings


def _content(variable: str, file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        text = content.decode()
    except (OSError, ValueError) as e:
        # A ValueError says that it is no UTF-8, or that the path holds a NUL.
        reason = getattr(e, "strerror", None) or "it is no text in UTF-8"
        raise ConfigurationError(
            f"{variable} names {file}, which cannot be read ({reason}): name a file that vbsdash "
            "may read."
        ) from e
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or len(content) > LARGEST:
        fault = "is too long for a secret" if text else "is empty"
        raise ConfigurationError(f"{variable} names {file}, which {fault}: correct it.")
    return text
