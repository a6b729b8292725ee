"""The reference as one page of HTML: it loads nothing, and is read on a phone. Pure.

Everything that it shows is in the document (server/openapi/document.py)::

    page_of(document)   -> "<!doctype html>..."

The list of routes stands at the side of a wide screen, and behind a line at the top of a small
one: a checkbox is what opens it there, because a ``details`` cannot be open on one of them alone.
Its one script opens the card of a route that is linked to; without it they are opened by hand.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from server.openapi.schemas import Schema
from server.openapi.wording import fields_of, kind_of_schema

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")

_CODE = re.compile(r"`([^`]+)`")
_PLACES = {"path": "in the path", "query": "", "header": "header"}


def page_of(document: Schema) -> str:
    """The whole page."""
    info = document["info"]
    lead, *rest = info["description"].split("\n\n")
    groups = [(tag, _routes_of(document, tag["name"])) for tag in document["tags"]]
    shapes = "".join(
        _shape(name, schema, document) for name, schema in document["components"]["schemas"].items()
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} {escape(info['version'])}: HTTP reference</title>"
        f"<style>{STYLE}</style></head><body><div class=frame>"
        f"{_side(groups)}<main>"
        f"<h1>{escape(info['title'])}<small>{escape(info['version'])} · HTTP</small></h1>"
        f"<p class=lead>{_inline(lead)}</p>"
        + "".join(f"<p>{_inline(paragraph)}</p>" for paragraph in rest)
        + "".join(_group(tag, routes, document) for tag, routes in groups)
        + f"<h2 id=shapes>Shapes</h2><p class=lead>What stands in bodies and answers.</p>{shapes}"
        "<footer>Made from the routes that run. The same for programs: "
        "<a href=/openapi.json>/openapi.json</a>, OpenAPI 3.1.</footer>"
        f"</main></div><script>{SCRIPT}</script></body></html>\n"
    )


Routes = list[tuple[str, str, Schema]]
"""Method, path and operation."""


def _routes_of(document: Schema, group: str) -> Routes:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if group in operation["tags"]
    ]


def _side(groups: list[tuple[Schema, Routes]]) -> str:
    parts = []
    for tag, routes in groups:
        parts.append(f"<strong>{escape(tag['name'])}</strong>")
        for method, path, operation in routes:
            name = escape(operation["operationId"])
            parts.append(f'<a href="#{name}">{_verb(method)}<span>{escape(path)}</span></a>')
    parts.append('<strong>More</strong><a href="#shapes">Shapes</a>')
    listed = "".join(parts)
    return (
        "<nav><input type=checkbox id=menu><label for=menu>All routes</label>"
        f"<div>{listed}</div></nav>"
    )


def _group(tag: Schema, routes: Routes, document: Schema) -> str:
    inside = "".join(_route(*route, document) for route in routes)
    return f"<h2>{escape(tag['name'])}</h2><p class=lead>{_inline(tag['description'])}</p>{inside}"


def _route(method: str, path: str, operation: Schema, document: Schema) -> str:
    scopes = [scope for needed in operation["security"] for scope in needed["bearer"]]
    scope = f"scope {scopes[0]}" if scopes else "open"
    return (
        f'<details class=route id="{escape(operation["operationId"])}"><summary>'
        f"{_verb(method)}<code>{_breakable(path)}</code><span class=scope>{escape(scope)}</span>"
        f"<span class=what>{_inline(operation['summary'])}</span></summary><div class=inside>"
        f"<p>{_inline(operation['description'])}</p>"
        + _parameters(operation["parameters"])
        + _body(operation, document)
        + _examples(operation)
        + _answers(operation["responses"], document)
        + "</div></details>"
    )


def _parameters(parameters: list[Schema]) -> str:
    """Those of the route alone: what every request may bring stands at the top of the page."""
    rows = [
        _row(each["name"], each["schema"], each, place=_PLACES[each["in"]])
        for each in parameters
        if "$ref" not in each
    ]
    return f"<h3>Parameters</h3><dl>{''.join(rows)}</dl>" if rows else ""


def _body(operation: Schema, document: Schema) -> str:
    body = operation.get("requestBody")
    if body is None:
        return ""
    optional = "" if body["required"] else " (optional)"
    return f"<h3>Body{optional}</h3>{_content(body['content'], document, is_sent=True)}"


def _content(content: Schema, document: Schema, *, is_sent: bool = False) -> str:
    """Bodies of one shape under each other, and then the fields of that shape."""
    written, shown = [], set()
    for media, told in content.items():
        schema = told["schema"]
        written.append(
            f"<p><code>{escape(media)}</code>: <span class=kind>{_kind(schema)}</span></p>"
        )
        fields = fields_of(schema, document)
        mark = repr(fields)
        if fields and mark not in shown:
            shown.add(mark)
            written.append(_fields(fields, is_sent=is_sent))
    return "".join(written)


def _fields(fields: list[tuple[str, Schema, bool]], *, is_sent: bool = True) -> str:
    """Fields; what is needed and what else is taken is said of what is sent alone."""
    rows = "".join(
        _row(name, schema, {"required": needed and is_sent}, with_default=is_sent)
        for name, schema, needed in fields
    )
    return f"<dl>{rows}</dl>"


def _row(
    name: str, schema: Schema, told: Schema, *, place: str = "", with_default: bool = True
) -> str:
    need = " <span class=need>needed</span>" if told.get("required") else ""
    where = f"<span class=place>{place}</span>" if place else ""
    described = told.get("description") or schema.get("description", "")
    text = f" {_inline(described)}" if described else ""
    default = schema.get("default") if with_default else None
    if default not in (None, [], "", False):
        shown = ", ".join(map(str, default)) if isinstance(default, list) else default
        text += f" <span class=kind>default <code>{escape(str(shown))}</code></span>"
    return (
        f"<div><dt>{escape(name)}{need}{where}</dt>"
        f"<dd><span class=kind>{_kind(schema)}</span>{text}</dd></div>"
    )


def _examples(operation: Schema) -> str:
    shown = "".join(
        f"<pre class=asked>{escape(each['curl'])}</pre>"
        f"<pre class=told>{escape(each['answer']) or '(no body)'}</pre>"
        for each in operation.get("x-examples", ())
    )
    return f"<h3>Example</h3>{shown}" if shown else ""


def _answers(responses: Schema, document: Schema) -> str:
    told, refused = [], []
    for status, answer in responses.items():
        if "$ref" in answer:
            refused.append((status, _resolved(answer, document)))
            continue
        content = _content(answer["content"], document) if "content" in answer else ""
        told.append(
            f"<div class=answer><p><span class=status>{status}</span>"
            f"{_inline(answer['description'])}</p>{content}</div>"
        )
    return f"<h3>Answers</h3>{''.join(told)}{_refusals(refused, document)}"


def _refusals(refused: list[tuple[str, Schema]], document: Schema) -> str:
    if not refused:
        return ""
    codes = ", ".join(status for status, _ in refused)
    rows = "".join(
        f"<div><dt>{status}</dt><dd>{_inline(answer['description'])} "
        f"<span class=kind>{_bodies(answer['content'])}</span></dd></div>"
        for status, answer in refused
    )
    return f"<details class=refusals><summary>Refused: {codes}</summary><dl>{rows}</dl></details>"


def _bodies(content: Schema) -> str:
    return ", ".join(f"{escape(media)}: {_kind(each['schema'])}" for media, each in content.items())


def _shape(name: str, schema: Schema, document: Schema) -> str:
    described = f"<p class=lead>{_inline(schema.get('description', ''))}</p>"
    fields = fields_of(schema, document)
    inside = _fields(fields) if fields else f"<p class=kind>{_kind(schema)}</p>"
    title = f'<section class=shape id="shape-{escape(name)}"><h3>{escape(name)}</h3>'
    return f"{title}{described}{inside}</section>"


def _kind(schema: Schema) -> str:
    """A type in words, names of shapes as links to them."""
    return "".join(
        f'<a href="#shape-{escape(word)}">{escape(word)}</a>' if is_shape else escape(word)
        for word, is_shape in kind_of_schema(schema)
    )


def _resolved(answer: Schema, document: Schema) -> Schema:
    found: Schema = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return found


def _verb(method: str) -> str:
    return f"<span class='verb {method}'>{method.upper()}</span>"


def _breakable(path: str) -> str:
    return escape(path).replace("/", "/<wbr>")


def _inline(text: str) -> str:
    """Text with its code; the other Markdown does not occur in it."""
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))
