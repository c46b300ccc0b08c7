"""The keys of one entry of clouds.yaml, or of the `OS_*` variables, as their operator wrote them.

A mistake is a ConfigurationError: one sentence that names file, cloud, key and
cure, never a secret.
"""

import re
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from backups.vbs.errors import ConfigurationError

VBS_KEYS = (
    "vbs_endpoint_override",
    "vbs_type_full",
    "vbs_api",
    "vbs_requests_per_second",
    "vbs_follow",
    "vbs_quota_backups",
    "vbs_quota_gigabytes",
)
VARIABLES = {
    "OS_REGION_NAME": "region_name",
    "OS_INTERFACE": "interface",
    "OS_ENDPOINT_TYPE": "interface",
    "OS_AUTH_TYPE": "auth_type",
    "OS_CACERT": "cacert",
    "OS_VERIFY": "verify",
    "OS_VOLUME_ENDPOINT_OVERRIDE": "volume_endpoint_override",
    **{f"OS_{key.upper()}": key for key in VBS_KEYS},
}


@dataclass(frozen=True)
class ConfigKeys:
    """Names the keys of one entry and refuses it. `place` (file and
    cloud) begins every sentence.
    """

    place: str
    from_variables: bool = False

    def name(self, key: str, *, in_auth: bool = False) -> str:
        """Returns the key as the operator wrote it."""
        if not self.from_variables:
            return f"{key} in auth" if in_auth else key
        for variable, setting in VARIABLES.items():
            if setting == key:
                return variable
        return f"OS_{key.upper()}"

    def refuse(self, sentence: str) -> NoReturn:
        raise ConfigurationError(f"{self.place}: {sentence}.")

    def refuse_missing(self, auth_key: str, advice: str = "") -> NoReturn:
        """Refuses an entry without a key of `auth`; `advice` says what to do beside setting it."""
        cure = f"set it, {advice}" if advice else "set it"
        self.refuse(f"{self.name(auth_key, in_auth=True)} is missing: {cure}")

    def check_url(self, key: str, value: str) -> None:
        if not _is_base_url(value):
            self.refuse(
                f"{self.name(key)} is no address: write https://host/path without a user, query or "
                "fragment"
            )


def _is_base_url(value: str) -> bool:
    if re.search(r"\s", value):
        return False
    try:
        parts = urlsplit(value)
        _ = parts.port  # Raises ValueError for what is no port.
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return False
    return not (parts.username or parts.query or parts.fragment)
