"""All addresses of the site."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from backups.metrics.view import metrics
from backups.models import Role
from backups.shared.role_needed import needs
from backups.web import (
    account,
    add,
    added,
    alarm_acts,
    alarms,
    audit,
    backup,
    bulk,
    clouds,
    discover,
    failures,
    goto,
    health,
    home,
    losses,
    migration,
    password,
    policies,
    rules,
    saved_views,
    styleguide,
    trash,
    users,
    volume,
    volume_days,
    volumes,
)
from backups.web.backup_list import backup_list
from backups.web.not_found import not_found
from backups.web.server_error import server_error
from backups.web.sign_out import SignOut
from backups.web.signin import SignIn

handler404 = not_found
handler500 = server_error
urlpatterns = [
    path("", home.home, name="home"),
    path("backups/", backup_list, name="backups"),
    path("backups/add/", add.add, name="add"),
    path("backups/add/discover/", discover.discover_list, name="discover"),
    path("backups/bulk/", bulk.bulk, name="bulk"),
    path("backups/follow-added/", added.follow, name="follow_added"),
    path("backups/<backup_id:backup_id>/", backup.backup, name="backup"),
    path("backups/<backup_id:backup_id>/labels/", backup.set_labels, name="backup_labels"),
    path("backups/<backup_id:backup_id>/refresh/", backup.refresh, name="refresh"),
    path("backups/<backup_id:backup_id>/untrack/", backup.untrack, name="untrack"),
    path("volumes/", volumes.volume_list, name="volumes"),
    path("volumes/growing/", volumes.growing, name="growing"),
    path("volumes/loss/", losses.loss_list, name="losses"),
    path("volumes/rules/", rules.rules, name="rules"),
    path("volumes/rules/set/", rules.set_rule, name="rule_set"),
    path("volumes/register/", rules.register, name="volume_register"),
    path("volumes/set/", volumes.edit_many, name="volumes_set"),
    path("volumes/<str:cloud>/<volume_id:volume_id>/set/", volume.edit, name="volume_set"),
    path(
        "volumes/<str:cloud>/<volume_id:volume_id>/refresh/", volume.refresh, name="volume_refresh"
    ),
    path("volumes/<str:cloud>/<volume_id:volume_id>/remove/", volume.remove, name="volume_remove"),
    path(
        "volumes/<str:cloud>/<volume_id:volume_id>/day/<str:on>/",
        volume_days.day,
        name="volume_day",
    ),
    path("volumes/<str:cloud>/<volume_id:volume_id>/", volume.volume, name="volume"),
    path("search/", goto.goto, name="goto"),
    path("failures/", failures.cause_list, name="failures"),
    path("policies/", policies.policy_list, name="policies"),
    path("migration/", migration.migration, name="migration"),
    path("policies/<str:cloud>/<volume_id:policy_id>/", policies.policy, name="policy"),
    path("clouds/", clouds.cloud_list, name="clouds"),
    path("clouds/<str:name>/test/", clouds.test_connection, name="connection_test"),
    path("alarms/", alarms.alarms, name="alarms"),
    path("alarms/acknowledge/", alarm_acts.acknowledge, name="alarm_acknowledge"),
    path("alarms/take-back/", alarm_acts.take_back, name="alarm_take_back"),
    path("alarms/snooze/", alarm_acts.snooze, name="alarm_snooze"),
    path("alarms/silences/begin/", alarms.begin_silence, name="silence_begin"),
    path("alarms/silences/end/", alarm_acts.end_silences, name="silence_end"),
    path("alarms/deliveries/", alarms.deliveries, name="deliveries"),
    path(
        "alarms/deliveries/<int:delivery_id>/again/",
        alarm_acts.send_again,
        name="delivery_again",
    ),
    path("alarms/channels/test/", alarm_acts.test_channel, name="channel_test"),
    path("trash/", trash.trash_list, name="trash"),
    path("trash/restore/", trash.restore, name="trash_restore"),
    path("audit/", audit.audit, name="audit"),
    path("account/", account.account, name="account"),
    path("account/look/", account.set_appearance, name="account_appearance"),
    path("account/density/", account.set_density, name="account_density"),
    path("account/keys/", account.set_single_keys, name="account_keys"),
    path("account/password/", password.change_password, name="password"),
    path("account/sessions/end/", account.end_other_sessions, name="end_sessions"),
    path("account/tokens/", account.create_token, name="create_token"),
    path("account/tokens/<int:token_id>/revoke/", account.revoke_token, name="revoke_token"),
    path("account/views/", saved_views.save, name="save_view"),
    path("account/views/no-default/", saved_views.no_default, name="no_default_view"),
    path("account/views/<int:view_id>/default/", saved_views.make_default, name="default_view"),
    path("account/views/<int:view_id>/remove/", saved_views.remove, name="remove_view"),
    path("users/", users.user_list, name="users"),
    path("users/add/", users.add_user, name="user_add"),
    path("users/<int:account_id>/", users.user, name="user"),
    path("users/<int:account_id>/access/", users.set_access, name="user_access"),
    path("users/<int:account_id>/switch/", users.switch, name="user_switch"),
    path("users/<int:account_id>/password/", users.set_password, name="user_password"),
    path("users/<int:account_id>/sessions/end/", users.end_sessions, name="user_end_sessions"),
    path(
        "users/<int:account_id>/tokens/<int:token_id>/revoke/",
        users.revoke_token,
        name="user_revoke_token",
    ),
    path("users/<int:account_id>/delete/", users.delete, name="user_delete"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("accounts/login/", SignIn.as_view(), name="login"),
    path("accounts/logout/", needs(Role.VIEWER)(SignOut.as_view()), name="logout"),
    path("admin/", admin.site.urls),
    path("api/", include("backups.api.urls")),
    path("metrics", metrics, name="metrics"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
if settings.OIDC.is_configured:
    urlpatterns.append(path("accounts/oidc/", include("backups.web.oidc_urls")))
