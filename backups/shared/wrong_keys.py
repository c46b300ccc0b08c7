"""API keys that opened nothing: each is one line of the log, and too many of one address are told
to wait.

They are counted after the key was looked up, so a good key passes whatever others try from the
same address.
"""

import logging

from django.conf import settings

from backups.models import ObjectKind, Verb
from backups.shared import acting, audit, counters
from backups.shared.addresses import place

logger = logging.getLogger(__name__)


def note(address: str, *, why: str, account: str) -> int | None:
    """Returns after how many seconds this address should ask again; None while it has not asked
    with too many wrong keys. `account`: whose key it was once, else an empty text.
    """
    # The key itself may be a good one with one letter too few.
    logger.info("API key refused: %s", why, extra={"account": account})
    audit.note_refusal(
        Verb.TOKEN_REFUSED,
        ObjectKind.ACCOUNT,
        account,
        client=address,
        sentence=why,
        who=acting.user(""),
    )
    name = f"wrong key/{place(address)}"
    count = counters.count(settings.WRONG_KEY_RATE, name)
    if count is None:
        count = counters.count_here(settings.WRONG_KEY_RATE, name)
    return None if count.is_within else count.reset_s


def sentence(wait_s: int) -> str:
    return (
        f"Too many keys that open nothing came from this address: wait {wait_s} s with the next. "
        "A key that is good is not held up."
    )
