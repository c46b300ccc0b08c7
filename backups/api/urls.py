from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from backups.api import problem, views

urlpatterns = [
    path("backups/", views.Backups.as_view(), name="api-backups"),
    path("backups/<uuid:backup_id>/", views.OneBackup.as_view(), name="api-backup"),
    path("backups/<uuid:backup_id>/refresh/", views.Refresh.as_view()),
    path("backups/<uuid:backup_id>/raw/", views.Raw.as_view()),
    path("clouds/", views.Clouds.as_view()),
    path("summary/", views.Summary.as_view()),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path("", problem.not_found),
]
