"""The form class of our pages: an answer stays small, and no error is left unsaid."""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict

# Characters of a long text that stand in its field again; more than any field takes.
LONG_TEXT_DRAWN = 30_000
# Characters of any other value.
VALUE_DRAWN = 1_000


def choices(values: Iterable[str]) -> list[tuple[str, str]]:
    """Returns choices that are sent as they are called."""
    return [(value, value) for value in values]


class PageForm(forms.Form):
    """`undrawn`: fields that the page has no place for; what is wrong with them
    stands above the form.

    `long`: fields for texts of several lines. What is longer than any page of ours can send is cut
    before it is drawn again.
    """

    undrawn: ClassVar[tuple[str, ...]] = ()
    long: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        if isinstance(data, QueryDict):
            data = _cut(data, self.long)
        super().__init__(data, *args, **kwargs)

    def add_error(self, field: str | None, error: Any) -> None:
        if field in self.undrawn:
            sentences = error.messages if isinstance(error, forms.ValidationError) else [str(error)]
            error = [f"{field}: {sentence}" for sentence in sentences]
            field = None
        super().add_error(field, error)


def _cut(data: QueryDict, long_fields: Collection[str]) -> QueryDict:
    cut = data.copy()
    for key, values in data.lists():
        most = LONG_TEXT_DRAWN if key in long_fields else VALUE_DRAWN
        cut.setlist(key, [value[:most] for value in values])
    return cut
