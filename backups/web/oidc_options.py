"""The options of mozilla-django-oidc, which are its own names of settings: ours, and where the
provider is reached as its discovery document says.
"""

from typing import Any

from django.conf import settings
from mozilla_django_oidc.utils import import_from_settings

from backups.web.oidc_provider import discovery

_FROM_DISCOVERY = {
    "OIDC_OP_AUTHORIZATION_ENDPOINT": "authorization_endpoint",
    "OIDC_OP_TOKEN_ENDPOINT": "token_endpoint",
    "OIDC_OP_JWKS_ENDPOINT": "jwks_uri",
    "OIDC_OP_USER_ENDPOINT": "userinfo_endpoint",
}
_FROM_SETTINGS = {
    "OIDC_RP_CLIENT_ID": "client_id",
    "OIDC_RP_CLIENT_SECRET": "client_secret",
    "OIDC_RP_SCOPES": "scopes",
    "OIDC_NAME_CLAIM": "name_claim",
    "OIDC_GROUPS_CLAIM": "groups_claim",
}
_FIXED = {
    # Says that keys come from the provider; which algorithms count is said in `oidc_client.py`.
    "OIDC_RP_SIGN_ALGO": "RS256",
    "OIDC_AUTHENTICATION_CALLBACK_URL": "oidc_callback",
    "OIDC_USE_NONCE": True,
    "OIDC_USE_PKCE": True,
    "OIDC_STORE_ACCESS_TOKEN": False,
    "OIDC_STORE_ID_TOKEN": False,
    "OIDC_ALLOW_UNSECURED_JWT": False,
}


def option(name: str, *default: object) -> Any:
    """Returns an option. Raises ProviderFailed where the provider has to be asked and is away."""
    if name in _FROM_DISCOVERY:
        return getattr(discovery(), _FROM_DISCOVERY[name])
    if name in _FROM_SETTINGS:
        return getattr(settings.OIDC, _FROM_SETTINGS[name])
    if name in _FIXED:
        return _FIXED[name]
    return import_from_settings(name, *default)
