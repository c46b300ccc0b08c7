"""The addresses of an installation whose settings name a provider of single sign-on."""

from django.urls import include, path

from vbsdash import urls

handler404 = urls.handler404
handler500 = urls.handler500
urlpatterns = [*urls.urlpatterns, path("accounts/oidc/", include("backups.web.oidc_urls"))]
