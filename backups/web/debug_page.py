"""What Django's own page about an exception, which only DEBUG shows, tells: no password."""

import re
from collections.abc import ItemsView
from types import FrameType

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class SettingsFilter(SafeExceptionReporterFilter):
    """Hides the addresses that may hold a password too, and the variables they come from."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|DATABASES|PROXY|_URL|^ENV$", re.I
    )

    def is_active(self, request: HttpRequest | None) -> bool:
        """Hides passwords of forms with DEBUG too."""
        return True

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, object]:
        """Shows no values of variables: passwords of clouds, proxies and databases are among them,
        in the code of others too.
        """
        values: dict[str, object] = {}
        return values.items()
