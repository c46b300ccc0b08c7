"""All settings, read from the environment and `.env`.

A wrong value ends the process with one sentence that names the variable and the cure.
"""

import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import django_stubs_ext
from celery.schedules import crontab
from csp.constants import NONE, SELF

from backups.alarms import channels_file
from backups.vbs import ids
from backups.vbs.clouds import choice_notices, load_clouds
from backups.vbs.errors import ConfigurationError
from vbsdash import (
    broker_url,
    cookie_names,
    database_url,
    env,
    group_roles,
    listen_host,
    log,
    oidc,
    process_role,
    proxy_header,
    public_url,
    secret_files,
    setting_names,
    sign_in_form,
)
from vbsdash.broker_url import Broker

django_stubs_ext.monkeypatch()
BASE_DIR = Path(__file__).resolve().parent.parent
try:
    ENV = secret_files.read(env.read(os.environ, dotenv=BASE_DIR / ".env"))
    DEBUG = env.flag(ENV, "DEBUG")
    LISTEN_HOST = listen_host.read(ENV)
    LISTEN_PORT = env.port(ENV)
    DATA_DIR = env.data_dir(ENV, BASE_DIR / "var")
    ALIVE_DIR = env.alive_dir(ENV)
    SECRET_KEY = env.secret_key(ENV, DATA_DIR / "secret_key")
    SECRET_KEY_FALLBACKS = env.secret_key_fallbacks(ENV, SECRET_KEY)
    ALLOWED_HOSTS = env.hosts(ENV)
    CSRF_TRUSTED_ORIGINS = env.origins(ENV)
    PUBLIC_URL = public_url.read(ENV)
    TRUSTED_PROXIES = env.trusted_proxies(ENV)
    LOG_FORMAT = log.read_format(ENV)
    AUDIT_DAYS = env.days(ENV, "VBSDASH_AUDIT_DAYS", 400)
    CELERY_EVENTS = env.flag(ENV, "VBSDASH_CELERY_EVENTS")
    METRICS_PER_DISK = env.flag(ENV, "VBSDASH_METRICS_PER_DISK", default=True)
    _home = Path(ENV.get("HOME") or "/nonexistent")
    _only = env.names(ENV, "VBSDASH_CLOUDS")
    CLOUDS = load_clouds(ENV, cwd=BASE_DIR, home=_home, only=_only)
    # What is said at the start of settings that have no effect.
    NOTICES = [*setting_names.notices(ENV), *choice_notices(ENV, CLOUDS, only=_only)]
    # Without a configured cloud and database there is a demo: a simulated cloud, with a database
    # file of its own.
    DEMO = not CLOUDS and not ENV.get("DATABASE_URL")
    DEMO_CLOUDS_FILE = DATA_DIR / "demo" / "clouds.yaml"
    if DEMO and DEMO_CLOUDS_FILE.is_file():
        CLOUDS = load_clouds(
            {"OS_CLIENT_CONFIG_FILE": str(DEMO_CLOUDS_FILE)}, cwd=BASE_DIR, home=_home
        )
        # Its backups are tracked without anybody adding them.
        CLOUDS = {name: replace(cloud, follow="all") for name, cloud in CLOUDS.items()}
    CHANNELS_FILE = channels_file.find(ENV, folder=BASE_DIR, home=_home)
    _demo_channels = DEMO_CLOUDS_FILE.with_name("channels.yaml")
    if DEMO and CHANNELS_FILE is None and _demo_channels.is_file():
        CHANNELS_FILE = _demo_channels
    channels_file.read(CHANNELS_FILE, ENV, folder=BASE_DIR)
    OIDC = oidc.read(ENV, folder=BASE_DIR)
    PROXY_HEADER = proxy_header.read(ENV)
    GROUP_ROLES = group_roles.read(ENV, folder=BASE_DIR, clouds=None if DEMO else CLOUDS)
    LOCAL_FORM = sign_in_form.read(ENV, oidc=OIDC, proxy=PROXY_HEADER, groups=GROUP_ROLES)
    EXTERNAL_TOKENS_KEPT = sign_in_form.tokens_outlive_sign_in(ENV)
    _sqlite_file = DATA_DIR / ("demo.sqlite3" if DEMO else "vbsdash.sqlite3")
    _role = process_role.current()
    DATABASES = {
        "default": database_url.database(ENV, _sqlite_file, folder=BASE_DIR, role=_role),
    }
    _broker = broker_url.broker(ENV)
    EMBEDDED_BROKER = _broker is None
    BROKER_URL_FILE = DATA_DIR / "broker" / "url"
    if _broker is None:
        # The runner starts a broker and writes its URL into this file.
        if BROKER_URL_FILE.is_file():
            _broker = Broker(BROKER_URL_FILE.read_text().strip())
        else:
            _broker = Broker("redis://127.0.0.1:6379/0")
    REDIS_URL = broker_url.redis_url(ENV)
    if REDIS_URL is None and _broker.url.startswith("redis"):
        REDIS_URL = _broker.url
except ConfigurationError as e:
    sys.exit(f"vbsdash: {e}")

if PUBLIC_URL:
    # What is named singly is added to.
    ALLOWED_HOSTS.append(PUBLIC_URL.host)
    CSRF_TRUSTED_ORIGINS.append(PUBLIC_URL.origin)
if PUBLIC_URL or not ALLOWED_HOSTS:
    # Those who ask on this very machine or by its own addresses.
    ALLOWED_HOSTS += listen_host.default_allowed_hosts(LISTEN_HOST)
PUBLIC_PATH = PUBLIC_URL.path if PUBLIC_URL else ""
FORCE_SCRIPT_NAME = PUBLIC_PATH or None

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Of each process: backups/reports/computed_once.py says why.
    "computed": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "computed",
        "TIMEOUT": 900,  # seconds
        "OPTIONS": {"MAX_ENTRIES": 300},
    },
    # What an open page was answered last: texts of a few bytes.
    "etags": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "etags",
        "TIMEOUT": 900,  # seconds
        "OPTIONS": {"MAX_ENTRIES": 5000},
    },
}
ROOT_URLCONF = "vbsdash.urls"
WSGI_APPLICATION = "vbsdash.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
    # Before axes, which marks the request that brings a pause: that one was still a wrong password.
    # The admin loads axes.
    "backups",
    "axes",
    "vbsdash.admin_config.RoleAdminConfig",  # django.contrib.admin
]
MIDDLEWARE = [
    # First, so that all others see the client, and the address that it asked for.
    "backups.web.forwarded.ForwardedMiddleware",
    "backups.web.middleware.RequestIDMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "backups.web.middleware.BrowserRulesMiddleware",
    # Above WhiteNoise, so that style sheets and scripts are compressed too.
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "backups.web.middleware.NoStoreMiddleware",
    # Below all that writes headers, which the problem that it puts in place of a page needs too.
    "backups.api.problem.Problems",
    "backups.web.host.HostMiddleware",
    "backups.web.middleware.SecureCookiesMiddleware",
    "backups.web.middleware.RenamedCookiesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "backups.web.session_age.SessionAgeMiddleware",
    "backups.web.proxy_sign_in.ProxySignInMiddleware",
    "backups.web.signin.SignInFirst",
    "backups.web.role_middleware.RoleMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "backups.web.middleware.ProhibitNullCharactersMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "backups.web.context.frame",
            ],
            "builtins": [
                "backups.templatetags.formatting",
                "backups.templatetags.charts",
                "backups.templatetags.grid",
                "backups.templatetags.losses",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTHENTICATION_BACKENDS = [
    "backups.web.signin.PausedAddresses",
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
if OIDC.is_configured:
    # Without it in the list, sessions that it began end.
    AUTHENTICATION_BACKENDS.append("backups.web.external_backends.OidcSessions")
if PROXY_HEADER.is_configured:
    AUTHENTICATION_BACKENDS.append("backups.web.external_backends.ProxySessions")
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator"},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
# Tries of one address with any names, after which it has to wait as well.
MOST_WRONG_PASSWORDS_OF_ADDRESS = 20
WRONG_KEY_RATE = "20/minute"  # API keys of one address that open nothing
OIDC_RATE = "30/minute"  # of one address: sign-ins that begin, and as many that come back
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "backups.web.signin.tried_name"
AXES_CLIENT_IP_CALLABLE = "backups.web.signin.client_place"
AXES_RESET_ON_SUCCESS = True
# A try within a pause is not stored and does not make it longer.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_HANDLER = "backups.edits.sign_in_failures.BoundedHandler"
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = True

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20  # bytes; 10,000 IDs as links are about 2 MB
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
LEAST_FREE_BYTES = 256 * 2**20  # on the disk of the data folder, else /readyz says so
STATIC_URL = f"{PUBLIC_PATH}/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "backups.web.wheels.WheelFinder",
]
WHITENOISE_USE_FINDERS = True

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Pages write to the clipboard, and need nothing else that a browser can do. A feature that one does
# not know is a complaint in its console, so only those of long standing are named.
_UNUSED_FEATURES = (
    "accelerometer",
    "autoplay",
    "camera",
    "clipboard-read",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "sync-xhr",
    "usb",
    "xr-spatial-tracking",
)
PERMISSIONS_POLICY = ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES)
DEFAULT_EXCEPTION_REPORTER_FILTER = "backups.web.debug_page.SettingsFilter"
if PUBLIC_URL and PUBLIC_URL.scheme == "https":
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # For this host alone: what its other names serve is not ours to decide.
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = False
# `check --deploy` wants the other names of the host in HSTS (W005) and in the browsers' own list
# (W021), which those decide who own the domain, and plain HTTP to be redirected (W008), which the
# proxy does that ends TLS: probes and scripts on this machine have no TLS to be led to.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
_cookies = cookie_names.names(PUBLIC_URL, LISTEN_PORT, SECRET_KEY)
SESSION_ENGINE = "backups.models.session"
# A session ends when nobody has used it for so long, and in any case after LONGEST; an open page
# that keeps itself up to date uses it.
SESSION_IDLE = timedelta(hours=12)
SESSION_LONGEST = timedelta(days=14)
SESSION_COOKIE_NAME = _cookies.session
# The names have a part of the key in them. By name of before: the name of now.
RENAMED_COOKIES = {}
for _key in SECRET_KEY_FALLBACKS:
    _cookies_before = cookie_names.names(PUBLIC_URL, LISTEN_PORT, _key)
    RENAMED_COOKIES[_cookies_before.session] = _cookies.session
    RENAMED_COOKIES[_cookies_before.csrf] = _cookies.csrf
SESSION_COOKIE_PATH = PUBLIC_PATH or "/"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = _cookies.csrf
CSRF_COOKIE_PATH = SESSION_COOKIE_PATH
CSRF_FAILURE_VIEW = "backups.web.csrf_failure.refused"
# A cookie of messages would have one name for all installations of a host.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

API_RATE = "6000/minute"  # calls of one token, or of one signed-in user
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "backups.api.auth.TokenAuthentication",
        "backups.api.auth.BrowserSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["backups.api.auth.HasRole"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["backups.api.parsing.StrictJSONParser"],
    # ASCII with \\u escapes: a lone surrogate in a raw body is JSON, but no UTF-8.
    "UNICODE_JSON": False,
    "DEFAULT_THROTTLE_CLASSES": ["backups.api.throttle.TokenThrottle"],
    "EXCEPTION_HANDLER": "backups.api.problem.handle",
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "vbsdash",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "backups.api.openapi.complete",
    ],
    # They take other spellings as well (backups/web/id_in_path.py); these are the ones to write.
    "PATH_CONVERTER_OVERRIDES": {
        "backup_id": {"type": "string", "format": "uuid"},
        "volume_id": {"type": "string", "pattern": f"^{ids.PATTERN}$"},
    },
    # Other lists of words are called by the name of their field.
    "ENUM_NAME_OVERRIDES": {
        "AlarmKindEnum": "backups.models.alarm.AlarmKind.values",
        "PolicyApiEnum": "backups.query.policies.POLICY_APIS",
        "RunOutcomeEnum": "backups.query.volumes.RUN_OUTCOMES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVERS": [{"url": str(PUBLIC_URL)}] if PUBLIC_URL else [],
}

CELERY_BROKER_URL = _broker.url
# For broker_url Celery itself would read the variable, which nobody has judged.
CELERY_BROKER_READ_URL = _broker.url
CELERY_BROKER_WRITE_URL = _broker.url
CELERY_BROKER_USE_SSL = _broker.use_ssl
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
# For Flower and celery-exporter: what `celery worker -E` sends, and when a task was sent.
CELERY_WORKER_SEND_TASK_EVENTS = CELERY_EVENTS
CELERY_TASK_SEND_SENT_EVENT = CELERY_EVENTS
# Redirected, a traceback would become a record for each of its fragments.
CELERY_WORKER_REDIRECT_STDOUTS = False
# After a new connection Celery would take fewer messages at first, and tell an AMQP broker of each
# step back up from the threads that do the tasks. There it waits for answers on the connection
# that the worker's own loop is reading: both lose bytes, and the loop never comes back.
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a broker may be away for a weekend
# A lost message loses nothing: the row stays due.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BEAT_SCHEDULER = "vbsdash.scheduler:ReconnectingScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
# Two schedulers do no harm: every message may come twice.
CELERY_BEAT_SCHEDULE = {
    "dispatch what is due": {
        "task": "backups.tasks.dispatch",
        "schedule": 5.0,
        "options": {"queue": "interactive", "expires": 30},
    },
    "sign of life of interactive": {
        "task": "backups.tasks.alive",
        "schedule": 5.0,
        "args": ["interactive"],
        "options": {"queue": "interactive", "expires": 30},
    },
    "sign of life of bulk": {
        "task": "backups.tasks.alive",
        "schedule": 5.0,
        "args": ["bulk"],
        "options": {"queue": "bulk", "expires": 30},
    },
    "judge alarms": {
        "task": "backups.tasks.judge_alarms",
        "schedule": 60.0,
        "options": {"queue": "interactive", "expires": 55},
    },
    "forget old changes": {
        "task": "backups.tasks.prune_revisions",
        "schedule": crontab(hour=3, minute=17),
        "options": {"queue": "bulk", "expires": 3600},
    },
    "keep house": {
        "task": "backups.tasks.keep_house",
        "schedule": crontab(hour=3, minute=47),
        "options": {"queue": "bulk", "expires": 3600},
    },
    "forget sessions": {
        "task": "backups.tasks.forget_sessions",
        "schedule": crontab(minute=7),
        "options": {"queue": "bulk", "expires": 3600},
    },
}
if _broker.url.startswith("redis"):
    # A connection that is open on one side only is noticed.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_timeout": 15,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "visibility_timeout": 600,
        # Queues come in the order of the option -Q: people before bulk.
        "queue_order_strategy": "priority",
    }
elif _broker.url.startswith("amqp"):
    # Seconds. A worker and a broker that hear nothing of each other for twice as long part; what
    # the worker had not finished goes to others. Celery's own are 120.
    CELERY_BROKER_HEARTBEAT = 10
    # The mailbox for Celery's remote control. An exclusive one stays locked for as long as the
    # broker holds on to a connection whose other side is gone, and the worker that comes back ends.
    CELERY_CONTROL_QUEUE_EXCLUSIVE = False
    CELERY_CONTROL_QUEUE_DURABLE = True
    # Seconds. A broker that is just starting may take a connection and never answer on it.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"read_timeout": 15, "write_timeout": 15}

LOGGING = log.config(debug=DEBUG, log_format=LOG_FORMAT)
