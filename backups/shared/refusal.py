"""A refusal with two faces: a page for people, one sentence for scripts and the log."""

from django.http import HttpResponse


class RefusalPage(HttpResponse):
    """A page that refuses a request; under /api/ its `sentence` is the detail of a problem."""

    def __init__(self, page: str, *, sentence: str, status: int) -> None:
        super().__init__(page, status=status)
        self.sentence = sentence
        # What is refused now may be let in after a setting was changed.
        self["Cache-Control"] = "no-store"


def printable(text: str, longest: int) -> str:
    """Returns what a stranger sent as it can be shown: cut, without control characters."""
    characters = [character if character.isprintable() else "\ufffd" for character in text]
    if len(characters) > longest:
        characters[longest:] = "…"
    return "".join(characters)
