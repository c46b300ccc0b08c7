"""The parameters of lists as the OpenAPI description has them, read off the definition itself."""

from drf_spectacular.utils import OpenApiParameter

from backups.query.definition import ListDefinition
from backups.query.fields import FilterField

_SAID = {
    "text": "Text",
    "choice": "One of its words",
    "integer": "Whole number",
    "number": "Number",
    "flag": "True or false",
    "instant": "Time, ISO 8601, UTC without a zone",
    "id": "UUID",
}
FIELDS = OpenApiParameter("fields", str, description="Only these words, separated by commas.")
CURSOR = OpenApiParameter(
    "cursor", str, description="A place in the pages, as `next` and `previous` give it."
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `version` that the change was made for; else 412.",
)


def limit(most: int = 1000) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": min(100, most)}
    return OpenApiParameter("limit", schema, description="Rows of a page.")


PAGE = [limit(), CURSOR]


def page_of(
    definition: ListDefinition, *, fields: bool = True, most: int = 1000
) -> list[OpenApiParameter]:
    return [
        limit(most),
        CURSOR,
        *([FIELDS] if fields else []),
        ordering_of(definition),
        *filters_of(definition),
    ]


def ordering_of(definition: ListDefinition) -> OpenApiParameter:
    said = f"Nulls last, then by ID; without it {definition.default_order}."
    return OpenApiParameter("ordering", str, enum=definition.orderings, description=said)


def filters_of(definition: ListDefinition) -> list[OpenApiParameter]:
    found = [_equal(word) for word in definition.fields.values()]
    for word in definition.fields.values():
        found += [_end(word, end) for end in word.span_suffixes]
    tag = {"type": "array", "items": {"type": "string", "maxLength": 64}, "maxItems": 100}
    return [
        *found,
        OpenApiParameter("tag", tag, description="Carries one of these tags."),
        OpenApiParameter(
            "q", {"type": "string", "maxLength": 200}, description="Free text, case folded."
        ),
    ]


def _equal(word: FilterField) -> OpenApiParameter:
    null = ", or null" if word.nullable else ""
    item: dict[str, object] = {"type": "string"}
    if word.choices:
        item["enum"] = [*word.choices, *(["null"] if word.nullable else [])]
    elif word.kind == "flag":
        item["enum"] = ["true", "false", *(["null"] if word.nullable else [])]
    schema = {"type": "array", "items": item, "maxItems": 100}
    return OpenApiParameter(
        word.name, schema, description=f"{_SAID[word.kind]}{null}; repeated: or."
    )


def _end(word: FilterField, end: str) -> OpenApiParameter:
    schema = {"type": {"instant": "string", "integer": "integer"}.get(word.kind, "number")}
    first = end in ("_after", "_min")
    return OpenApiParameter(
        word.name + end,
        schema,
        description=f"{_SAID[word.kind]}: {'from' if first else 'up to'} it.",
    )
