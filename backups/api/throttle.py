"""So many calls a minute for each token or user."""

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from backups.models import ApiToken
from backups.shared import counters


class TokenThrottle(BaseThrottle):
    """Leaves its state on the request for the `RateLimit` headers. A counter that
    is away stops nobody.
    """

    def allow_request(self, request: Request, view: object) -> bool:
        count = counters.count(settings.API_RATE, _who(request))
        if count is None:
            return True
        self._wait = count.reset_s
        request._request.rate_limit = {  # type: ignore[attr-defined]
            "RateLimit-Limit": str(count.most),
            "RateLimit-Remaining": str(count.remaining),
            "RateLimit-Reset": str(count.reset_s),
            "RateLimit-Policy": f"{count.most};w={count.window_s}",
        }
        return count.is_within

    def wait(self) -> float:
        return self._wait


def _who(request: Request) -> str:
    if isinstance(request.auth, ApiToken):
        return f"token/{request.auth.pk}"
    return f"user/{request.user.pk}"
