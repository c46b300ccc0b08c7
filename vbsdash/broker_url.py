"""The addresses of the broker and of Redis. One spelling, TLS included, means the same to Celery,
redis-py and `limits`; certificates and host names are checked unless an address says otherwise.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from backups.vbs.errors import ConfigurationError
from backups.vbs.url_parts import UrlParts, WrongUrl, refuse_unknown_options, take_apart
from vbsdash.env import FALSE, TRUE

REDIS = ("redis", "rediss")
AMQP = ("amqp", "amqps")
MEMORY = "memory"
IN_MEMORY = (
    "CELERY_BROKER_URL is memory://, which no two processes share: write redis:// or amqp://."
)
# Celery itself would obey these, and nobody would have judged them.
NOT_SUPPORTED = {
    "CELERY_BROKER_READ_URL": "write CELERY_BROKER_URL alone",
    "CELERY_BROKER_WRITE_URL": "write CELERY_BROKER_URL alone",
    "CELERY_RESULT_BACKEND": "leave it out, as no results of tasks are kept",
}
REDIS_EXAMPLE = "redis://:PASSWORD@HOST:6379/0"
AMQP_EXAMPLE = "amqp://USER:PASSWORD@HOST:5672/VHOST"
# Of Redis; a server has 16 unless its own setting `databases` says more.
HIGHEST_DATABASE = 2**31 - 1
# redis-py's names, which Celery's transport for Redis and `limits` take too.
TLS_OPTIONS = (
    "ssl_cert_reqs",
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_check_hostname",
)
CERTIFICATE_CHECKS = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}
# Celery takes several brokers of AMQP, and goes on to the next when one is away.
_BETWEEN_BROKERS = re.compile(r";\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_DATABASE = re.compile(r"/?|/[0-9]{1,10}")
_VHOST = re.compile(r"(?:/(?:/|%2[Ff])?[^/;]*)?")


@dataclass(frozen=True)
class Broker:
    url: str = field(repr=False)  # of several brokers, with a semicolon between two
    # Celery's `broker_use_ssl`; False where the address says all, as that of Redis does.
    use_ssl: dict[str, object] | bool = False


@dataclass(frozen=True)
class Tls:
    """How the certificate of a server is checked, and which one is shown to it."""

    check: str = "required"
    check_hostname: bool = True
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None


def broker(env: Mapping[str, str]) -> Broker | None:
    """Returns the broker of CELERY_BROKER_URL; None where nothing is set. Raises
    ConfigurationError.
    """
    for name, cure in NOT_SUPPORTED.items():
        if env.get(name):
            raise ConfigurationError(f"{name} is not supported: {cure}.")
    value = env.get("CELERY_BROKER_URL")
    if not value:
        return None
    try:
        return _broker(value)
    except WrongUrl as e:
        raise ConfigurationError(f"CELERY_BROKER_URL {e}.") from e


def redis_url(env: Mapping[str, str]) -> str | None:
    """Returns the address in REDIS_URL; None where nothing is set. Raises ConfigurationError."""
    value = env.get("REDIS_URL")
    if not value:
        return None
    try:
        return _redis_url(take_apart(value, schemes=REDIS, example=REDIS_EXAMPLE))
    except WrongUrl as e:
        raise ConfigurationError(f"REDIS_URL {e}.") from e


def _broker(value: str) -> Broker:
    addresses = _BETWEEN_BROKERS.split(value)
    brokers = [_one_broker(address) for address in addresses]
    if len(brokers) == 1:
        return brokers[0]
    for broker in brokers:
        if not broker.url.startswith("amqp://"):
            raise WrongUrl("names several brokers, which only amqp:// can be: name one")
    return Broker(";".join(broker.url for broker in brokers))


def _one_broker(value: str) -> Broker:
    is_amqp = value.strip().lower().startswith("amqp")
    example = AMQP_EXAMPLE if is_amqp else REDIS_EXAMPLE
    if value.strip().lower() == f"{MEMORY}://":
        return Broker(f"{MEMORY}://")
    parts = take_apart(value, schemes=(*REDIS, *AMQP), example=example)
    if parts.scheme in REDIS:
        return Broker(_redis_url(parts))
    return _amqp_broker(parts)


def _redis_url(parts: UrlParts) -> str:
    """Returns the address as all three readers take it, with what counts for TLS in it."""
    if "db" in parts.options:
        raise WrongUrl(f"has the option db: write the database as in {REDIS_EXAMPLE}")
    tls = _tls(parts)
    if not _DATABASE.fullmatch(parts.raw_path) or int(parts.path or 0) > HIGHEST_DATABASE:
        raise WrongUrl(
            "has after its host no number of a database, which is 0 to 15 unless the server has "
            f"more: write {REDIS_EXAMPLE}"
        )
    if parts.password is None and parts.user is not None:
        raise WrongUrl(
            f"has a user and no password; a password alone follows a colon: write {REDIS_EXAMPLE}"
        )
    return replace(parts, options=_redis_options(tls) if tls else {}).url()


def _redis_options(tls: Tls) -> dict[str, str]:
    options = {
        # Celery's transport does not check certificates where this is not written.
        "ssl_cert_reqs": tls.check,
        "ssl_check_hostname": str(tls.check_hostname).lower(),
    }
    if tls.ca_file is not None:
        options["ssl_ca_certs"] = tls.ca_file
    if tls.certificate_file is not None:
        options["ssl_certfile"] = tls.certificate_file
    if tls.key_file is not None:
        options["ssl_keyfile"] = tls.key_file
    return options


def _amqp_broker(parts: UrlParts) -> Broker:
    tls = _tls(parts)
    if not _VHOST.fullmatch(parts.raw_path):
        raise WrongUrl(
            "has a / or ; in the name of its virtual host: write them as %2F and %3B, as in "
            f"{AMQP_EXAMPLE}"
        )
    if (parts.user is None) != (parts.password is None):
        # Celery puts "guest" for the one that is missing.
        raise WrongUrl(f"has a user or a password, not both: write {AMQP_EXAMPLE}")
    url = parts.url(with_options=False)
    if tls is None:
        return Broker(url)
    return Broker(url, _amqp_use_ssl(tls, parts.host))


def _amqp_use_ssl(tls: Tls, host: str) -> dict[str, object]:
    """Returns the arguments of py-amqp, which checks the name that it is told, if it is told
    one.
    """
    arguments: dict[str, object] = {"cert_reqs": CERTIFICATE_CHECKS[tls.check]}
    if tls.check_hostname:
        arguments["server_hostname"] = host
    if tls.ca_file is not None:
        arguments["ca_certs"] = tls.ca_file
    if tls.certificate_file is not None:
        arguments["certfile"] = tls.certificate_file
        arguments["keyfile"] = tls.key_file
    return arguments


def _tls(parts: UrlParts) -> Tls | None:
    """Returns None for an address without TLS. Raises WrongUrl."""
    if parts.scheme not in ("rediss", "amqps"):
        for name in parts.options:
            if name.startswith(("ssl", "tls")):
                raise WrongUrl(
                    f"has the option {name}, which is about TLS: write {parts.scheme}s:// or leave "
                    "it out"
                )
        refuse_unknown_options(parts, ())
        return None
    refuse_unknown_options(parts, TLS_OPTIONS)
    options = parts.options
    check = options.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if check not in CERTIFICATE_CHECKS:
        raise WrongUrl("has an ssl_cert_reqs that is not required, optional or none: correct it")
    check_hostname = options.get("ssl_check_hostname", "true").lower()
    if check_hostname not in TRUE | FALSE:
        raise WrongUrl("has an ssl_check_hostname that is neither true nor false: correct it")
    tls = Tls(
        check=check,
        check_hostname=check_hostname in TRUE and check != "none",
        ca_file=options.get("ssl_ca_certs"),
        certificate_file=options.get("ssl_certfile"),
        key_file=options.get("ssl_keyfile"),
    )
    _check_files(tls)
    return tls


def _check_files(tls: Tls) -> None:
    files = {
        "ssl_ca_certs": tls.ca_file,
        "ssl_certfile": tls.certificate_file,
        "ssl_keyfile": tls.key_file,
    }
    for name, file in files.items():
        if file is not None and not Path(file).is_absolute():
            raise WrongUrl(f"has an {name} which is no absolute path: write /FOLDER/FILE")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if tls.ca_file is not None:
            context.load_verify_locations(tls.ca_file)
    except OSError as e:
        # What ssl itself raises is an OSError too.
        raise WrongUrl(
            "has an ssl_ca_certs which is no readable file of certificates (PEM): correct the path"
        ) from e
    if tls.key_file is not None and tls.certificate_file is None:
        raise WrongUrl("has an ssl_keyfile and no ssl_certfile: write both, or none")
    try:
        if tls.certificate_file is not None:
            context.load_cert_chain(tls.certificate_file, tls.key_file, password=lambda: "")
    except OSError as e:
        raise WrongUrl(
            "has an ssl_certfile and ssl_keyfile which are no certificate with its key, in "
            "readable files (PEM) and without a password: correct the paths"
        ) from e
