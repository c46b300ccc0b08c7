"""Where a form that any page may send leads back to."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def back_to_sender(request: HttpRequest, otherwise: str = "account") -> HttpResponse:
    """Redirects to the page that sent the form; where it does not say which, to the one named
    `otherwise`.
    """
    target = request.POST.get("next", "")
    is_ours = target.startswith("/") and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return HttpResponseRedirect(target if is_ours else reverse(otherwise))
