from django.urls import include, path

from backups.web import health

urlpatterns = [
    path("api/", include("backups.api.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
