"""A request whose address is UTF-8, whatever charset its Content-Type names: that is the body's."""

import re
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

_FORM = re.compile(r"\s*(application/x-www-form-urlencoded|multipart/form-data)\s*(;|$)", re.I)
_CHARSET = re.compile(r";\s*charset[*0-9]*\s*=\s*(?:\"([^\"]*)\"|([^;]*))", re.I)


class Utf8Request(WSGIRequest):
    """Django would decode a query by the charset of the body, and fail before any middleware where
    Python's codec of that name decodes no text. Forms keep a charset that can be one.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        content_type = str(environ.get("CONTENT_TYPE", ""))
        charset = _CHARSET.search(content_type)
        if charset is None or (
            _FORM.match(content_type) and _decodes_text(charset[1] or charset[2] or "")
        ):
            super().__init__(environ)
            return
        super().__init__({**environ, "CONTENT_TYPE": _CHARSET.sub("", content_type)})
        # Who refuses a body names its charset.
        self.META["CONTENT_TYPE"] = content_type


class Utf8Handler(WSGIHandler):
    request_class = Utf8Request


def _decodes_text(charset: str) -> bool:
    """Can addresses, which are ASCII, be read by it?"""
    try:
        return b"q=%41&".decode(charset.strip(), "replace") == "q=%41&"
    except (LookupError, ValueError):
        # There is none, or it is of bytes; or it takes no text with errors.
        return False
