"""Secrets in files, as Docker and Kubernetes hand them out: NAME_FILE names the file with NAME."""

from collections.abc import Mapping
from pathlib import Path

from backups.vbs import secret_file
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
        settings[name] = secret_file.read(variable, Path(file))
    return settings
