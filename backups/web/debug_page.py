"""What Django's own page about an exception, which only DEBUG shows, tells of the settings."""

import re

from django.views.debug import SafeExceptionReporterFilter


class SettingsFilter(SafeExceptionReporterFilter):
    """Hides the addresses that may hold a password too, and the variables they come from."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|DATABASES|PROXY|_URL|^ENV$", re.I
    )
