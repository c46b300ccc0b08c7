"""The form class of our pages: an answer stays small, and no error is left unsaid."""

from typing import Any, ClassVar

from django import forms
from django.http import QueryDict

LONGEST_KEPT = (
    30_000  # characters of a long text that stand in its field again; more than any field takes
)
OTHERS_KEPT = 1_000  # of any other value


class PageForm(forms.Form):
    """`undrawn`: fields that the page has no place for; what is wrong with them stands above the
    form.

    `long`: fields for texts of several lines. What is longer than any page of ours can send is cut
    before it is drawn again.
    """

    undrawn: ClassVar[tuple[str, ...]] = ()
    long: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            _cut(data, self.long) if isinstance(data, QueryDict) else data, *args, **kwargs
        )

    def add_error(self, field: str | None, error: Any) -> None:
        if field in self.undrawn:
            sentences = error.messages if isinstance(error, forms.ValidationError) else [str(error)]
            error = [f"{field}: {sentence}" for sentence in sentences]
            field = None
        super().add_error(field, error)


def _cut(data: QueryDict, long: tuple[str, ...]) -> QueryDict:
    cut = data.copy()
    for key, values in data.lists():
        most = LONGEST_KEPT if key in long else OTHERS_KEPT
        cut.setlist(key, [value[:most] for value in values])
    return cut
