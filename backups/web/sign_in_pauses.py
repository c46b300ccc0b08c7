"""Notes in the record of who did what that somebody has to wait after too many wrong passwords.

It is imported after `sign_in_log.py`, as it imports the signals of django-axes, which connect that
one's own receivers: the line of a wrong password is written before axes marks the request.
"""

from collections.abc import Mapping

from axes.signals import user_locked_out
from django.dispatch import receiver
from django.http import HttpRequest

from backups.models import ObjectKind, Verb
from backups.shared import audit
from backups.web.sign_in_log import account_and_sentence
from backups.web.signin import client_address


@receiver(user_locked_out)
def _note_pause(request: HttpRequest, **_: object) -> None:
    """Receives the wrong password that begins a pause, and every try within one."""
    credentials: Mapping[str, object] = getattr(request, "axes_credentials", None) or {}
    account, sentence = account_and_sentence(credentials, "Too many wrong passwords from there.")
    audit.note_refusal(
        Verb.SESSION_PAUSED,
        ObjectKind.SESSION,
        account,
        client=client_address(request),
        sentence=sentence,
    )
