"""The XML that the old server writes when it is asked for no JSON (`backups/vbs/API.md` §1)."""

import json
from dataclasses import replace
from xml.sax.saxutils import escape, quoteattr

from backups.simulator.message import JSON, Answer
from backups.vbs.json_object import JsonObject


def as_xml(answer: Answer) -> Answer:
    """Returns the same answer as XML; what is no JSON object stays as it is."""
    if answer.content_type != JSON or not answer.body:
        return answer
    text = "<?xml version='1.0' encoding='UTF-8'?>\n" + _children(json.loads(answer.body))
    return replace(answer, body=text.encode(), content_type="application/xml")


def _children(value: JsonObject) -> str:
    return "".join(_element(key, item) for key, item in value.items())


def _element(name: str, value: object) -> str:
    tag = name.replace(":", "_").replace(" ", "_")
    if value is None:
        return f"<{tag} nil={quoteattr('true')}/>"
    if isinstance(value, dict):
        content = _children(value)
    elif isinstance(value, list):
        content = "".join(_element("item", item) for item in value)
    else:
        content = escape(str(value))
    return f"<{tag}>{content}</{tag}>"
