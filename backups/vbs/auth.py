"""Where a configuration becomes a SignIn: the one place that tells AK/SK from Keystone."""

from backups.vbs.aksk import AkSkSignIn
from backups.vbs.keystone import KeystoneSignIn
from backups.vbs.sign_in import SignIn

# All other values of `auth_type` are names of keystoneauth1's plugins.
_OWN_SIGN_INS: dict[str, type[SignIn]] = {
    "aksk": AkSkSignIn,
}


def sign_in_class(auth_type: str) -> type[SignIn]:
    """Returns the way to sign in that an `auth_type` of clouds.yaml stands for."""
    return _OWN_SIGN_INS.get(auth_type, KeystoneSignIn)
