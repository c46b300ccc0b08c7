"""Notes failed sign-ins by django-axes, in rows whose size and number a stranger cannot raise.

By itself axes keeps the query and the form of each failure, one behind the other, and makes a row
for each User-Agent: also while a name is locked, when a guess costs the guesser nothing.
"""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.http import HttpRequest


class BoundedHandler(AxesDatabaseHandler):  # type: ignore[misc]
    """Keeps name, address, path, count and time: one row a name and address, below 1 KB.

    A new row costs the guesser the hash of a password, about 0.3 s of one processor, and the next
    failure or sign-in deletes those whose pause is over.
    """

    def user_login_failed(
        self,
        sender: object,
        credentials: dict[str, Any],
        request: HttpRequest | None = None,
        **kwargs: Any,
    ) -> None:
        if request is None:
            return
        request.axes_user_agent = ""  # type: ignore[attr-defined]
        request.axes_http_accept = ""  # type: ignore[attr-defined]
        super().user_login_failed(sender, credentials, request, **kwargs)
        name = get_client_username(request, credentials)
        address = request.axes_ip_address  # type: ignore[attr-defined]
        noted = AccessAttempt.objects.filter(username=name, ip_address=address)
        noted.exclude(get_data="", post_data="").update(get_data="", post_data="")
