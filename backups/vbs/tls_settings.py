"""How TLS is checked: `verify`, `insecure`, `cacert`, `cert` and `key` of an entry, and the
variables of the environment that name authorities where the entry does not.

What is named has to be there and to be good at the start.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backups.vbs.cloud_config import ClientCertificate
from backups.vbs.clouds_file import expanded
from backups.vbs.config_keys import ConfigKeys
from backups.vbs.errors import ConfigurationError

# The first that is set counts: what OpenStack's tools read, what requests reads, OpenSSL's own.
CA_VARIABLES = ("OS_CACERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # As c_rehash names the files of a folder.
_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


@dataclass(frozen=True)
class TlsSettings:
    """Reads those of one entry. Relative paths begin at `cwd`."""

    entry: Mapping[str, object]
    keys: ConfigKeys
    environ: Mapping[str, str]
    cwd: Path

    def verify(self) -> bool | str:
        """Returns False, True, or the path of authorities. `insecure` comes before `verify`, and
        both before any file, as in other tools.
        """
        insecure = self._insecure()
        verify = self._verify()
        cacert = self._path("cacert")
        if cacert is not None:
            self._check_authorities(cacert)
        if insecure or not verify:
            return False
        if cacert is not None:
            return str(cacert)
        return self._authorities_of_environment() or True

    def warnings(self) -> list[str]:
        """Returns what is set and has no effect."""
        if self._path("cacert") is None or (self._verify() and not self._insecure()):
            return []
        name = self.keys.name("cacert")
        return [f"{name} is not used: insecure or verify says that certificates are not checked"]

    def cert(self) -> ClientCertificate | None:
        cert = self._path("cert")
        key = self._path("key")
        cert_name = self.keys.name("cert")
        if cert is None:
            if key is not None:
                self.keys.refuse(
                    f"{self.keys.name('key')} is given without {cert_name}: name the client "
                    f"certificate under {cert_name}"
                )
            return None
        self._check_client_certificate(cert, key)
        return str(cert) if key is None else (str(cert), str(key))

    def _insecure(self) -> bool:
        value = self.entry.get("insecure")
        word = str(value).lower()
        if value is None or value == "" or word in _FALSE:
            return False
        if word != "true":
            # Other tools take every other word for false.
            self.keys.refuse(f"{self.keys.name('insecure')} is unclear: write true or false")
        return True

    def _verify(self) -> bool:
        value = self.entry.get("verify", True)
        name = self.keys.name("verify")
        word = str(value).lower()
        if isinstance(value, str) and word in _TRUE | _FALSE and not self.keys.from_variables:
            # Other tools would take it for the name of a file.
            self.keys.refuse(f"{name} is a text: write it without quotes")
        if isinstance(value, int) != isinstance(value, bool) or word not in _TRUE | _FALSE:
            self.keys.refuse(
                f"{name} is neither true nor false: write one of them, and a file under "
                f"{self.keys.name('cacert')}"
            )
        return word in _TRUE

    def _path(self, key: str) -> Path | None:
        value = self.entry.get(key)
        if isinstance(value, str) and "-----BEGIN " in value:
            name = self.keys.name(key)
            self.keys.refuse(f"{name} holds what belongs into a file: write the path of one")
        text = self.keys.text(key, value)
        return self.cwd / expanded(text) if text else None

    def _check_authorities(self, path: Path) -> None:
        why = _why_no_authorities(path)
        if why is not None:
            self.keys.refuse(f"{self.keys.name('cacert')} names {path}, {why}")

    def _authorities_of_environment(self) -> str | None:
        for name in CA_VARIABLES:
            value = self.environ.get(name)
            if value:
                path = self.cwd / expanded(value)
                why = _why_no_authorities(path)
                if why is not None:
                    raise ConfigurationError(f"{name} names {path}, {why}.")
                return str(path)
        return None

    def _check_client_certificate(self, cert: Path, key: Path | None) -> None:
        named = f"{self.keys.name('cert')} names {cert}"
        key_name = self.keys.name("key")
        if not cert.is_file():
            self.keys.refuse(f"{named}, which is no file: correct the path")
        if key is not None and not key.is_file():
            self.keys.refuse(f"{key_name} names {key}, which is no file: correct the path")
        try:
            ssl.create_default_context(cafile=cert)
        except (ssl.SSLError, OSError):
            self.keys.refuse(f"{named}, which holds no certificate: name a readable PEM file")
        try:
            ssl.create_default_context().load_cert_chain(cert, key, _refuse_password)
        except _EncryptedKey:
            self.keys.refuse(
                f"the key of the client certificate {cert} has a password: name under {key_name} a "
                "copy without one, readable for vbsdash alone"
            )
        except (ssl.SSLError, OSError):
            if key is None:
                self.keys.refuse(
                    f"{named}, which holds no key for it: name the key's file under {key_name}"
                )
            self.keys.refuse(
                f"{key_name} names {key}, which is no readable PEM file with the key of {cert}: "
                "name the one that belongs to it"
            )


class _EncryptedKey(Exception):
    """A key's file asks for a password, which nobody can type in here."""


def _refuse_password() -> str:
    raise _EncryptedKey


def _why_no_authorities(path: Path) -> str | None:
    try:
        if path.is_dir():
            if any(_HASHED_NAME.fullmatch(file.name) for file in path.iterdir()):
                return None
            return "a folder without certificates: name a PEM file, or run c_rehash there"
        if not path.is_file():
            return "which is not there: correct the path"
        ssl.create_default_context(cafile=path)
    except PermissionError:
        return "which cannot be read: let vbsdash read it"
    except (ssl.SSLError, OSError):
        return "which holds no certificate: name a PEM file"
    return None
