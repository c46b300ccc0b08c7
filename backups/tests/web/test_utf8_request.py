"""A charset in a Content-Type is of the body; the address stays what it is."""

from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import BadRequest

from backups.web.utf8_request import Utf8Request

# Names of Python's codecs: of some that decode no text, and of some that take no text with errors.
ODD = ["hex", "base64", "zlib", "rot13", "undefined", "idna", "punycode", "mbcs"]
OTHERS = [
    "unicode_escape",
    "utf-16",
    "cp037",
    "utf-7",
    "iso-8859-1",
    "windows-1252",
    "utf-8",
    "nonsense",
    "",
    "x y",
]
TYPES = ["application/json", "text/plain", "application/json; profile=x", "text/csv", ""]


def request(content_type: str, body: bytes = b"") -> Utf8Request:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/backups/",
        "QUERY_STRING": "q=t%C3%A4glich&x=%00%ff",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    return Utf8Request(environ)


@pytest.mark.parametrize("codec", [*ODD, *OTHERS])
def test_a_query_is_utf_8_whatever_charset_the_body_has(codec: str) -> None:
    for media_type in TYPES:
        for text in (f"charset={codec}", f'charset="{codec}"', f"Charset={codec}; a=b"):
            content_type = f"{media_type}; {text}"
            asked = request(content_type)
            assert asked.GET.dict() == {"q": "täglich", "x": "\x00\ufffd"}
            assert asked.META["CONTENT_TYPE"] == content_type


@pytest.mark.parametrize("codec", ODD)
def test_a_form_in_no_charset_at_all_is_read_as_utf_8(codec: str) -> None:
    form = request(f"application/x-www-form-urlencoded; charset={codec}", b"note=t%C3%A4glich")
    assert form.POST.dict() == {"note": "täglich"}
    assert form.GET["q"] == "täglich"


def test_a_form_in_another_charset_is_refused_or_read_by_it() -> None:
    form = request("application/x-www-form-urlencoded; charset=iso-8859-1", b"note=t%E4glich")
    with pytest.raises(BadRequest):
        form.POST.dict()
    body = b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nt\xe4glich\r\n--b--\r\n'
    form = request("multipart/form-data; boundary=b; charset=iso-8859-1", body)
    assert form.POST.dict() == {"note": "täglich"}
