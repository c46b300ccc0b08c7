"""The keys of one entry of clouds.yaml, or of the `OS_*` variables, as their operator wrote them.

A mistake is a ConfigurationError: one sentence that names file, cloud, key and
cure, never a secret.
"""

from dataclasses import dataclass
from typing import NoReturn

from backups.vbs.config_values import why_no_text, why_odd
from backups.vbs.errors import ConfigurationError
from backups.vbs.url_parts import WrongUrl, take_apart


@dataclass(frozen=True)
class ConfigKeys:
    """Names the keys of one entry and refuses it. `place` (file and
    cloud) begins every sentence.
    """

    place: str
    from_variables: bool = False

    def name(self, key: str, *, in_auth: bool = False) -> str:
        """Returns the key as the operator wrote it."""
        if self.from_variables:
            return f"OS_{key.upper()}"
        return f"{key} in auth" if in_auth else key

    def whole(self, sentence: str) -> str:
        """Returns the sentence with its place before it and a period, or its "?", at the end."""
        end = "" if sentence.endswith("?") else "."
        return f"{self.place}: {sentence}{end}"

    def refuse(self, sentence: str) -> NoReturn:
        raise ConfigurationError(self.whole(sentence))

    def refuse_unsupported(self, sentence: str) -> NoReturn:
        """Refuses what other tools can use and we cannot. The file is shared with them, so the cure
        may be to leave the cloud out.
        """
        if not self.from_variables:
            sentence += "; or leave this cloud out, list the others in VBSDASH_CLOUDS"
        self.refuse(sentence)

    def refuse_missing(self, auth_key: str, advice: str = "") -> NoReturn:
        """Refuses an entry without a key of `auth`; `advice` says what to do beside setting it."""
        cure = f"set it, {advice}" if advice else "set it"
        self.refuse(f"{self.name(auth_key, in_auth=True)} is missing: {cure}")

    def text(self, key: str, value: object, *, in_auth: bool = False) -> str | None:
        """Returns a text; None where nothing is set. Refuses what YAML took for something else, and
        what no text of this kind holds.
        """
        if value is None or value == "":
            return None
        why = why_no_text(value)
        if why is None:
            why = why_odd(key, str(value))
        if why is not None:
            self.refuse(f"{self.name(key, in_auth=in_auth)} {why}")
        return str(value)

    def filled_url(self, key: str, value: str, region: str | None) -> str:
        """Returns an address with the region in it where it says {region_name}, as other tools
        fill it in.
        """
        if region is not None:
            value = value.replace("{region_name}", region)
        if "{" in value or "}" in value:
            self.refuse(f"{self.name(key)} has braces that nothing fills in: write the address")
        return value

    def check_url(self, key: str, value: str) -> None:
        try:
            parts = take_apart(value, schemes=("https", "http"), example="https://HOST/PATH")
        except WrongUrl as e:
            self.refuse(f"{self.name(key)} {e}")
        if "<" in value or ">" in value:
            self.refuse(f"{self.name(key)} holds a <…> that nothing has filled in: write the value")
        if value != value.strip():
            self.refuse(f"{self.name(key)} has a blank or line end around it: take it out")
        if parts.user or parts.password or "?" in value:
            self.refuse(
                f"{self.name(key)} holds more than an address: write https://HOST/PATH without a "
                "user, password or query"
            )
