from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from backups.web import health, pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("backups/", pages.index, name="backups"),
    path("backups/add/", pages.add, name="add"),
    path("backups/<uuid:backup_id>/", pages.detail, name="backup"),
    path("backups/<uuid:backup_id>/refresh/", pages.refresh, name="refresh"),
    path("backups/<uuid:backup_id>/untrack/", pages.untrack, name="untrack"),
    path("clouds/", pages.cloud_list, name="clouds"),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("api/", include("backups.api.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
