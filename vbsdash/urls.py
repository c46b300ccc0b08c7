from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from backups.metrics.view import metrics
from backups.web import add, backup, backups, clouds, disk, disks, failures, health, home
from backups.web.signin import SignIn

urlpatterns = [
    path("", home.home, name="home"),
    path("backups/", backups.backup_list, name="backups"),
    path("backups/add/", add.add, name="add"),
    path("backups/<uuid:backup_id>/", backup.backup, name="backup"),
    path("backups/<uuid:backup_id>/labels/", backup.set_labels, name="backup_labels"),
    path("backups/<uuid:backup_id>/refresh/", backups.refresh, name="refresh"),
    path("backups/<uuid:backup_id>/untrack/", backups.untrack, name="untrack"),
    path("volumes/", disks.disk_list, name="volumes"),
    path("volumes/set/", disks.set_many, name="volumes_set"),
    path("volumes/<str:cloud>/<path:volume_id>/set/", disk.set_one, name="volume_set"),
    path("volumes/<str:cloud>/<path:volume_id>/refresh/", disk.refresh, name="volume_refresh"),
    path("volumes/<str:cloud>/<path:volume_id>/", disk.disk, name="volume"),
    path("failures/", failures.cause_list, name="failures"),
    path("clouds/", clouds.cloud_list, name="clouds"),
    path("clouds/<str:name>/test/", clouds.test_connection, name="connection_test"),
    path("accounts/login/", SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("api/", include("backups.api.urls")),
    path("metrics", metrics, name="metrics"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
