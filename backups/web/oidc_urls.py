"""The addresses of single sign-on, which are there where it is configured."""

from django.urls import path

from backups.web import oidc

urlpatterns = [
    path("", oidc.begin, name="oidc_begin"),
    path("callback/", oidc.callback, name="oidc_callback"),
]
