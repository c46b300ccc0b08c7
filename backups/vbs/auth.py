"""Where a configuration becomes a SignIn: the one place that tells AK/SK from Keystone."""

from backups.vbs.aksk import AkSkSignIn
from backups.vbs.keystone import KeystoneSignIn
from backups.vbs.sign_in import SignIn

AKSK = "aksk"


def sign_in_class(auth_type: str) -> type[SignIn]:
    """Returns the way to sign in that an `auth_type` of clouds.yaml stands for."""
    if auth_type == AKSK:
        return AkSkSignIn
    return KeystoneSignIn
