"""The XML that the old server writes when it is asked for no JSON (`backups/vbs/API.md` §1)."""

import json
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from backups.simulator.message import JSON, Answer


def _element(name: str, value: Any) -> str:
    tag = name.replace(":", "_").replace(" ", "_")
    if isinstance(value, dict):
        return f"<{tag}>{''.join(_element(key, item) for key, item in value.items())}</{tag}>"
    if isinstance(value, list):
        return f"<{tag}>{''.join(_element('item', item) for item in value)}</{tag}>"
    if value is None:
        return f"<{tag} nil={quoteattr('true')}/>"
    return f"<{tag}>{escape(str(value))}</{tag}>"


def as_xml(answer: Answer) -> Answer:
    """The same answer as XML; what is no JSON object stays as it is."""
    if answer.content_type != JSON or not answer.body:
        return answer
    value = json.loads(answer.body)
    text = "<?xml version='1.0' encoding='UTF-8'?>\n" + "".join(
        _element(key, item) for key, item in value.items()
    )
    return replace(answer, body=text.encode(), content_type="application/xml")
