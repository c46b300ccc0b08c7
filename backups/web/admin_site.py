"""Django's own pages: they know no roles and no clouds, so only who may everything enters them."""

from django.contrib import admin
from django.http import HttpRequest

from backups.models import FULL_ACCESS
from backups.shared.access import access_of


class AdminSite(admin.AdminSite):
    def has_permission(self, request: HttpRequest) -> bool:
        """Asks for staff, as Django does, and for an admin of all clouds."""
        return super().has_permission(request) and access_of(request).covers(FULL_ACCESS)
