"""How a certificate is checked, and which one we show."""

import ssl
from pathlib import Path

from backups.vbs.cloud_config import ClientCertificate


def context_for(verify: bool | str, cert: ClientCertificate | None = None) -> ssl.SSLContext:
    """Returns the context of connections with `verify` and `cert` as in CloudConfig."""
    if not isinstance(verify, str):
        context = ssl.create_default_context()
    elif Path(verify).is_dir():
        context = ssl.create_default_context(capath=verify)
    else:
        context = ssl.create_default_context(cafile=verify)
    if isinstance(cert, str):
        context.load_cert_chain(cert)
    elif cert is not None:
        context.load_cert_chain(*cert)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
