"""What a request tells by forwarded headers and is not believed; what is believed is read in
`backups/web/forwarded.py`.
"""

from dataclasses import dataclass

from django.http import HttpRequest

# In META: how many trusted proxies the request came through.
TRUSTED_HOPS = "vbsdash.trusted_hops"


@dataclass(frozen=True)
class NotBelieved:
    """`by`: the address of who sent it, a proxy that VBSDASH_TRUSTED_PROXIES does not hold, or the
    client itself.
    """

    by: str
    text: str


def not_believed(request: HttpRequest, header: str) -> NotBelieved | None:
    """Returns what stands in `header`, a name of META, left of what trusted proxies put there."""
    values = request.META.get(header, "").split(",")
    count = max(0, len(values) - request.META.get(TRUSTED_HOPS, 0))
    text = ",".join(values[:count]).strip()
    if not text:
        return None
    return NotBelieved(by=request.META["REMOTE_ADDR"], text=text)
