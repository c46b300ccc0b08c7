"""Django's own pages with our rule for who enters them."""

from django.contrib.admin.apps import AdminConfig


class RoleAdminConfig(AdminConfig):
    default_site = "backups.web.admin_site.AdminSite"
