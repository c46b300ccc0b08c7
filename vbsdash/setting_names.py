"""The names of the settings, and what is said of a variable that only resembles one."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

SETTINGS = (
    "ALLOWED_HOSTS",
    "CELERY_BROKER_URL",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL",
    "DEBUG",
    "DJANGO_SUPERUSER_EMAIL",
    "DJANGO_SUPERUSER_PASSWORD",
    "DJANGO_SUPERUSER_USERNAME",
    "PORT",
    "REDIS_URL",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "VBSDASH_ALIVE_DIR",
    "VBSDASH_AUDIT_DAYS",
    "VBSDASH_CELERY_EVENTS",
    "VBSDASH_CHANNELS_FILE",
    "VBSDASH_CLOUDS",
    "VBSDASH_DATA_DIR",
    "VBSDASH_EXTERNAL_TOKEN_DAYS",
    "VBSDASH_GROUPS_FILE",
    "VBSDASH_HOST",
    "VBSDASH_LOCAL_FORM",
    "VBSDASH_LOG_FORMAT",
    "VBSDASH_METRICS_PER_DISK",
    "VBSDASH_NO_GROUP",
    "VBSDASH_OIDC_BUTTON",
    "VBSDASH_OIDC_CLIENT_ID",
    "VBSDASH_OIDC_CLIENT_SECRET",
    "VBSDASH_OIDC_GROUPS_CLAIM",
    "VBSDASH_OIDC_ISSUER",
    "VBSDASH_OIDC_NAME_CLAIM",
    "VBSDASH_OIDC_SCOPES",
    "VBSDASH_PROXY_GROUPS_HEADER",
    "VBSDASH_PROXY_SECRET",
    "VBSDASH_PROXY_SECRET_HEADER",
    "VBSDASH_PROXY_USER_HEADER",
    "VBSDASH_TRUSTED_PROXIES",
    "VBSDASH_URL",
)
# Of tests, benches and pictures.
_OF_TOOLS = re.compile("VBSDASH_(TEST_.*|BENCH_.*|SCREENSHOTS|NO_BROWSER|RIG_NOW)")
# Kubernetes sets these for a service that is called vbsdash.
_OF_KUBERNETES = re.compile("VBSDASH_(SERVICE_.*|PORT|PORT_.*)")
SHORTEST_GUESSED = 8  # characters; shorter names resemble those of other programs
SIMILARITY = 0.85  # of difflib


def notices(names: Iterable[str]) -> list[str]:
    """Returns a sentence for each variable that begins as ours do and is no setting, and for each
    that is a setting but for a slip of the fingers.
    """
    sentences: list[str] = []
    for name in sorted(names):
        if name in SETTINGS or _OF_TOOLS.fullmatch(name) or _OF_KUBERNETES.fullmatch(name):
            continue
        guesses: list[str] = []
        if len(name) >= SHORTEST_GUESSED:
            guesses = get_close_matches(name, SETTINGS, n=1, cutoff=SIMILARITY)
        if guesses:
            sentences.append(f"{name} is no setting and has no effect: is {guesses[0]} meant?")
        elif name.startswith("VBSDASH_"):
            sentences.append(
                f"{name} is no setting and has no effect: remove it, or correct its name."
            )
    return sentences
