"""Files that are sent in place of pasted text: what a browser without JavaScript sends."""

from typing import Final

from django.http import HttpRequest

from backups.analysis.numbers import thousands

MOST_FILE_BYTES: Final = 5 * 2**20  # as a form without files may have
_ENCODINGS: Final = ("utf-8-sig", "utf-16", "cp1252", "latin-1")


class FileRefused(ValueError):
    """The text is a sentence for a person."""


def pasted_files(request: HttpRequest) -> list[str]:
    """Returns the texts of the files of a form. Raises FileRefused."""
    texts: list[str] = []
    size = 0
    for file in request.FILES.getlist("file"):
        size += file.size or 0
        if size > MOST_FILE_BYTES:
            mib = thousands(MOST_FILE_BYTES // 2**20)
            raise FileRefused(f"{(file.name or '')[:80]} is too large: at most {mib} MiB at once.")
        texts.append(_decoded(file.read()))
    return texts


def _decoded(content: bytes) -> str:
    """Reads what editors and spreadsheets write; the last one has a character for each byte."""
    for encoding in _ENCODINGS[:-1]:
        if encoding == "utf-16" and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode(_ENCODINGS[-1])
