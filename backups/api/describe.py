"""The parameters of lists as the OpenAPI description has them, read off the list's definition."""

from drf_spectacular.utils import OpenApiParameter

from backups.query.definition import ListDefinition
from backups.query.fields import FieldKind, FilterField

_VALUES_OF_KIND: dict[FieldKind, str] = {
    "text": "Text",
    "choice": "One of its words",
    "integer": "Whole number",
    "number": "Number",
    "flag": "True or false",
    "instant": "Time, ISO 8601, UTC without a zone",
    "id": "UUID, in any spelling",
    "foreign_id": "ID, a UUID in any spelling",
}
_TYPE_OF_BOUND: dict[FieldKind, str] = {
    "instant": "string",
    "integer": "integer",
    "number": "number",
}
FREE_TEXT = "Free text, in any case, composed or not, wide or narrow; an ID in any spelling."
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


def limit(max_limit: int = 1000) -> OpenApiParameter:
    schema = {
        "type": "integer",
        "minimum": 1,
        "maximum": max_limit,
        "default": min(100, max_limit),
    }
    return OpenApiParameter("limit", schema, description="Rows of a page.")


PAGE = [limit(), CURSOR]


def page_of(
    definition: ListDefinition, *, has_fields: bool = True, max_limit: int = 1000
) -> list[OpenApiParameter]:
    parameters = [limit(max_limit), CURSOR]
    if has_fields:
        parameters.append(FIELDS)
    return [*parameters, ordering_of(definition), *filters_of(definition)]


def ordering_of(definition: ListDefinition) -> OpenApiParameter:
    description = (
        f"Nulls last, then by ID; without it {definition.default_order}. "
        f"Only `{definition.steady_order}` never changes: in other orders a row that changes "
        "during a walk may be missed or come twice."
    )
    return OpenApiParameter("ordering", str, enum=definition.orderings, description=description)


def filters_of(definition: ListDefinition) -> list[OpenApiParameter]:
    parameters = [_equal(field) for field in definition.fields.values()]
    for field in definition.fields.values():
        parameters.extend(_bound(field, suffix) for suffix in field.span_suffixes)
    tag = {"type": "array", "items": {"type": "string", "maxLength": 64}, "maxItems": 100}
    parameters.append(OpenApiParameter("tag", tag, description="Carries one of these tags."))
    text = {"type": "string", "maxLength": 200}
    parameters.append(OpenApiParameter("q", text, description=FREE_TEXT))
    return parameters


def _equal(field: FilterField) -> OpenApiParameter:
    values = list(field.choices)
    if field.kind == "flag":
        values = ["true", "false"]
    if values and field.nullable:
        values.append("null")
    item: dict[str, object] = {"type": "string"}
    if values:
        item["enum"] = values
    schema = {"type": "array", "items": item, "maxItems": 100}
    or_null = ", or null" if field.nullable else ""
    description = f"{_VALUES_OF_KIND[field.kind]}{or_null}; repeated: or."
    return OpenApiParameter(field.name, schema, description=description)


def _bound(field: FilterField, suffix: str) -> OpenApiParameter:
    side = "from" if suffix in ("_after", "_min") else "up to"
    return OpenApiParameter(
        field.name + suffix,
        {"type": _TYPE_OF_BOUND[field.kind]},
        description=f"{_VALUES_OF_KIND[field.kind]}: {side} it.",
    )
