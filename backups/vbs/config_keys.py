"""The keys of one entry of clouds.yaml, or of the `OS_*` variables, as their operator wrote them.

A mistake is a ConfigurationError: one sentence that names file, cloud, key and
cure, never a secret.
"""

from dataclasses import dataclass
from typing import NoReturn

from backups.vbs.errors import ConfigurationError
from backups.vbs.url_parts import WrongUrl, take_apart

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
        try:
            parts = take_apart(value, schemes=("https", "http"), example="https://HOST/PATH")
        except WrongUrl as e:
            self.refuse(f"{self.name(key)} {e}")
        if value != value.strip():
            self.refuse(f"{self.name(key)} has a blank or line end around it: take it out")
        if parts.user or parts.password or "?" in value:
            self.refuse(
                f"{self.name(key)} holds more than an address: write https://HOST/PATH without a "
                "user, password or query"
            )
