from csp.decorators import csp_update
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.urls import path, re_path
from django.views.decorators.http import conditional_page
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from backups.api import (
    alarms,
    audit,
    backups,
    bulk,
    overview,
    policies,
    rules,
    table,
    views,
    volume_table,
    volumes,
)
from backups.api.base import Nothing

DOCS = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api/docs.html")


@login_not_required
@csp_update({"img-src": ["data:"]})
def docs(request: HttpRequest) -> HttpResponseBase:
    """A browser that is not signed in is sent to sign in, as by every page; a
    script gets its problem.
    """
    takes_html = "text/html" in request.headers.get("Accept", "")
    is_script = "Authorization" in request.headers or not takes_html
    if is_script or request.user.is_authenticated:
        return DOCS(request)
    return redirect_to_login(request.get_full_path())


urlpatterns = [
    path("backups/", backups.Backups.as_view(), name="api-backups"),
    path("backups.csv", table.Table.as_view(), name="api-csv"),
    path("backups/refresh/", bulk.RefreshMany.as_view()),
    path("backups/tag/", bulk.TagMany.as_view()),
    path("backups/untrack/", bulk.UntrackMany.as_view()),
    path("backups/<backup_id:backup_id>/", backups.OneBackup.as_view(), name="api-backup"),
    path("backups/<backup_id:backup_id>/refresh/", bulk.RefreshOne.as_view()),
    path("backups/<backup_id:backup_id>/revisions/", backups.Revisions.as_view()),
    path("backups/<backup_id:backup_id>/raw/", backups.Raw.as_view()),
    path("volumes/", volumes.Volumes.as_view(), name="api-volumes"),
    path("volumes.csv", volume_table.VolumeTable.as_view(), name="api-volumes-csv"),
    path(
        "volumes/<str:cloud>/<volume_id:volume_id>/", volumes.OneVolume.as_view(), name="api-volume"
    ),
    path("policies/", policies.Policies.as_view(), name="api-policies"),
    path("policies.csv", policies.PolicyTable.as_view(), name="api-policies-csv"),
    path(
        "policies/<str:cloud>/<volume_id:policy_id>/",
        policies.OnePolicy.as_view(),
        name="api-policy",
    ),
    path("rules/", rules.Rules.as_view()),
    path("rules/tags/<path:tag>/", rules.RuleOfTag.as_view()),
    path("rules/clouds/<str:cloud>/", rules.RuleOfCloud.as_view()),
    path("failures/", overview.Failures.as_view()),
    path("clouds/", overview.Clouds.as_view()),
    path("clouds/<str:cloud>/backups/", conditional_page(overview.CloudBackups.as_view())),
    path("clouds/<str:cloud>/test/", overview.CloudTest.as_view()),
    path("views/", views.Views.as_view()),
    path("views/<path:name>/", views.OneView.as_view()),
    path("migration/", overview.Migration.as_view(), name="api-migration"),
    path("summary/", overview.Summary.as_view()),
    path("alarms/", alarms.AllAlarms.as_view(), name="api-alarms"),
    path("alarms/<int:alarm_id>/", alarms.OneAlarm.as_view(), name="api-alarm"),
    path("alarms/<int:alarm_id>/acknowledge/", alarms.AcknowledgeOne.as_view()),
    path("silences/", alarms.Silences.as_view(), name="api-silences"),
    path("silences/<int:silence_id>/", alarms.OneSilence.as_view(), name="api-silence"),
    path("deliveries/", alarms.Deliveries.as_view(), name="api-deliveries"),
    path("deliveries/<int:delivery_id>/redeliver/", alarms.Redeliver.as_view()),
    path("audit/", audit.Audit.as_view(), name="api-audit"),
    path("audit.csv", audit.AuditTable.as_view(), name="api-audit-csv"),
    path("schema/", conditional_page(SpectacularAPIView.as_view()), name="schema"),
    path("docs/", docs, name="docs"),
    re_path("", Nothing.as_view()),
]
