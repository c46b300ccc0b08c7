"""Whether the sign-in page shows the form for local accounts, and what single sign-on needs
beside itself.
"""

from collections.abc import Mapping

from backups.vbs.errors import ConfigurationError
from vbsdash import env as environment
from vbsdash.group_roles import GroupRoles
from vbsdash.oidc import Oidc
from vbsdash.proxy_header import ProxyHeader


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
        for name in ("VBSDASH_GROUPS_FILE", "VBSDASH_NO_GROUP"):
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
