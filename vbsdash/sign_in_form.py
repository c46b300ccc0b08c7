"""Whether the sign-in page shows the form for local accounts, for how long tokens outlive the last
sign-in elsewhere, and what single sign-on needs beside itself.
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from backups.vbs.errors import ConfigurationError
from backups.vbs.quoted import quoted
from vbsdash import env as environment
from vbsdash.group_roles import GroupRoles
from vbsdash.oidc import Oidc
from vbsdash.proxy_header import ProxyHeader

DAYS_AFTER_SIGN_IN = "VBSDASH_EXTERNAL_TOKEN_DAYS"


def tokens_outlive_sign_in(env: Mapping[str, str]) -> timedelta | None:
    """Returns for how long a token works after its owner's last sign-in elsewhere; None: as long as
    the account is not switched off.
    """
    text = env.get(DAYS_AFTER_SIGN_IN) or "0"
    if not re.fullmatch("[0-9]{1,4}", text):
        raise ConfigurationError(
            f"{DAYS_AFTER_SIGN_IN} is {quoted(text)}: write a number of days, or 0 for no end."
        )
    return timedelta(days=int(text)) or None


def read(
    env: Mapping[str, str],
    *,
    oidc: Oidc,
    proxy: ProxyHeader,
    groups: GroupRoles,
) -> bool:
    """Returns whether the form is shown; at /accounts/login/?local=1 it always is."""
    is_shown = environment.flag(env, "VBSDASH_LOCAL_FORM", default=True)
    if not oidc.is_configured and not proxy.is_configured:
        for name in ("VBSDASH_GROUPS_FILE", "VBSDASH_NO_GROUP", DAYS_AFTER_SIGN_IN):
            if env.get(name):
                raise ConfigurationError(
                    f"{name} has no effect without single sign-on: set VBSDASH_OIDC_ISSUER or "
                    "VBSDASH_PROXY_USER_HEADER too, or unset it."
                )
        if not is_shown:
            raise ConfigurationError(
                "VBSDASH_LOCAL_FORM is off, which would hide the only way to sign in: set it to 1, "
                "or VBSDASH_OIDC_ISSUER or VBSDASH_PROXY_USER_HEADER too."
            )
        return is_shown
    if not groups.by_group:
        raise ConfigurationError(
            "VBSDASH_GROUPS_FILE is missing, without which single sign-on lets nobody in: name a "
            "file with lines as NAME-OF-A-GROUP: admin."
        )
    return is_shown
