"""Django's own pages: they know no roles and no clouds, so only who may everything enters them."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator

from backups.models import FULL_ACCESS
from backups.shared.access import access_of
from backups.web.role_middleware import refuse

REFUSAL = "These pages of Django are for staff that is an admin of all clouds."
View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class AdminSite(admin.AdminSite):
    def has_permission(self, request: HttpRequest) -> bool:
        """Asks for staff, as Django does, and for an admin of all clouds."""
        return super().has_permission(request) and access_of(request).covers(FULL_ACCESS)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Refuses who is signed in and may not enter; Django would ask him to sign in again."""
        inner = super().admin_view(view, cacheable)

        def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            self._refuse_others(request)
            return inner(request, *args, **kwargs)

        return cast(View, update_wrapper(asked, inner))

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        self._refuse_others(request)
        return super().login(request, extra_context)

    def _refuse_others(self, request: HttpRequest) -> None:
        if request.user.is_authenticated and not self.has_permission(request):
            refuse(request, REFUSAL)
