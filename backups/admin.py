from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from backups.models import ApiToken, Backup, Cloud, SearchText
from backups.vbs.folding import fold

# Its own guess lacks the slash at the end of a public path, where not every proxy leads here.
admin.site.site_url = f"{settings.PUBLIC_PATH}/"
# Django sends no signal of what it notes of many rows at once, so nobody would learn who deleted
# them; one by one they are in the record.
admin.site.disable_action("delete_selected")


@admin.register(Backup)
class BackupAdmin(admin.ModelAdmin[Backup]):
    list_display = ("id", "cloud", "status", "name", "volume_id", "created_at")
    list_filter = ("cloud", "kind")
    search_fields = ("id", "name", "volume_id")
    readonly_fields = tuple(f.name for f in Backup._meta.concrete_fields)
    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Backup], search_term: str
    ) -> tuple[QuerySet[Backup], bool]:
        """Searches as the list of backups does."""
        if not fold(search_term):
            return queryset, False
        texts = SearchText.objects.holding(search_term)
        return queryset.filter(pk__in=texts.values("backup")), False

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """Nobody saves: the whole row of before would overwrite what workers store meanwhile."""
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """The pages untrack: they judge the disks of what is gone anew."""
        return False


@admin.register(Cloud)
class CloudAdmin(admin.ModelAdmin[Cloud]):
    list_display = ("name", "last_good_at", "attempted_at")
    readonly_fields = tuple(f.name for f in Cloud._meta.concrete_fields)

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """Nobody saves: the whole row of before would overwrite what workers store meanwhile."""
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    list_display = (
        "user",
        "name",
        "beginning",
        "read_only",
        "clouds",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """Nobody saves: a key would open what another account may, or again what it did before it
        was revoked. It is revoked on the page of its account; deleted it opens nothing either.
        """
        return False
