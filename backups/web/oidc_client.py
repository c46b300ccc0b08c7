"""Makes of a provider's code the person who signs in, by mozilla-django-oidc.

What it leaves open is closed here: a token has to be of this issuer, for this client, unspent and
signed by a key pair of the provider; calls are bounded; no token is kept.
"""

from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus

import jwt
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from backups.edits.external_accounts import Person
from backups.web.oidc_options import option
from backups.web.oidc_provider import ProviderFailed, call, discovery

# A secret that both sides know, as of HS256, would let everybody sign who has the client's secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
CLOCK_DIFFERENCE_S = 60
NEEDED_CLAIMS = ["iss", "sub", "aud", "exp", "iat"]
MOST_GROUPS = 5_000


class TokenRefused(Exception):
    """An ID token that is none for us. The text is for the log."""


class ClaimsMissing(Exception):
    """A sentence for the person who signs in."""


class OidcClient(OIDCAuthenticationBackend):  # type: ignore[misc]
    """Is asked by the view alone and is no authentication backend of the settings: a form with a
    password never leads here.
    """

    get_settings = staticmethod(option)

    def person(
        self, request: HttpRequest, *, nonce: str, code_verifier: str
    ) -> tuple[Person, list[str]]:
        """Returns who signs in, and the groups. Raises ProviderFailed, ProviderRefused,
        TokenRefused and ClaimsMissing.
        """
        claims = self.authenticate(request, nonce=nonce, code_verifier=code_verifier)
        if not claims:
            raise TokenRefused("it is empty")
        return _person(claims), _groups(claims)

    def get_token(self, payload: dict[str, str]) -> dict[str, Any]:
        form = dict(payload)
        authorization = None
        if not discovery().secret_in_form:
            secret = form.pop("client_secret")
            # RFC 6749, 2.3.1: both are encoded as in a form first.
            pair = f"{quote_plus(self.OIDC_RP_CLIENT_ID)}:{quote_plus(secret)}"
            authorization = f"Basic {b64encode(pair.encode()).decode()}"
        url = self.OIDC_OP_TOKEN_ENDPOINT
        tokens = call("POST", url, form=form, authorization=authorization)
        if not isinstance(tokens.get("id_token"), str):
            raise ProviderFailed("the token endpoint gave no ID token")
        return tokens

    def retrieve_matching_jwk(self, token: str) -> jwt.PyJWK:
        keys = call("GET", self.OIDC_OP_JWKS_ENDPOINT)
        try:
            header = jwt.get_unverified_header(token)
            known = jwt.PyJWKSet.from_dict(keys)
        except (jwt.PyJWTError, AttributeError, KeyError, TypeError, ValueError) as e:
            # The others come of members of a key that are no texts.
            raise TokenRefused(str(e)) from e
        usable = [key for key in known.keys if _signs(key)]
        key_id = header.get("kid")
        for key in usable:
            if key.key_id == key_id:
                return key
        if key_id is None and len(usable) == 1:
            return usable[0]
        raise TokenRefused("the provider does not know its key")

    def get_payload_data(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.OIDC_RP_CLIENT_ID,
                issuer=discovery().issuer,
                leeway=CLOCK_DIFFERENCE_S,
                options={"require": NEEDED_CLAIMS},
            )
        except jwt.PyJWTError as e:
            raise TokenRefused(str(e)) from e
        # Of a token for several, the one that asked for it is named beside.
        asked_by = claims.get("azp", self.OIDC_RP_CLIENT_ID)
        if asked_by != self.OIDC_RP_CLIENT_ID:
            raise TokenRefused("another client asked for it")
        return claims

    def get_or_create_user(
        self, access_token: object, id_token: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        """Returns the claims of the ID token, and of the provider's page about the person where the
        token lacks some. Accounts are made elsewhere (`edits/external_accounts.py`).
        """
        name = claim_at(payload, option("OIDC_NAME_CLAIM"))
        groups = claim_at(payload, option("OIDC_GROUPS_CLAIM"))
        if (name is not None and groups is not None) or not self.OIDC_OP_USER_ENDPOINT:
            return payload
        if not isinstance(access_token, str):
            raise ProviderFailed("the token endpoint gave no access token")
        further = call("GET", self.OIDC_OP_USER_ENDPOINT, authorization=f"Bearer {access_token}")
        if further.get("sub") != payload["sub"]:
            raise TokenRefused("the provider tells of another person than its token")
        return {**further, **payload}


def _signs(key: jwt.PyJWK) -> bool:
    return key.key_type != "oct" and key.public_key_use in (None, "sig")


def claim_at(claims: dict[str, Any], name: str) -> Any:
    """Returns a claim; `realm_access.roles` is found within the object `realm_access`, unless a
    claim has that very name.
    """
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _person(claims: dict[str, Any]) -> Person:
    name_claim = option("OIDC_NAME_CLAIM")
    name = claim_at(claims, name_claim)
    subject = claims["sub"]
    if not isinstance(name, str):
        raise ClaimsMissing(
            f"The provider does not tell your name (claim {name_claim}). Who administers it can "
            "change that."
        )
    return Person(issuer=discovery().issuer.rstrip("/"), subject=subject, name=name)


def _groups(claims: dict[str, Any]) -> list[str]:
    """Returns the groups; many providers leave the claim out for who is in none."""
    value = claim_at(claims, option("OIDC_GROUPS_CLAIM"))
    if isinstance(value, str):
        value = [value]
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MOST_GROUPS:
        raise ClaimsMissing(
            f"The provider does not tell your groups as a list (claim "
            f"{option('OIDC_GROUPS_CLAIM')}). Who administers it can change that."
        )
    return [group for group in value if isinstance(group, str)]
