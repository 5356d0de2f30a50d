"""The API's description as a page to read, made on the server from the OpenAPI document; it loads nothing else."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from fastapi import APIRouter, FastAPI, Request
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from serving.pages import HERE

_PREFIX = "#/components/schemas/"
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "date-time": "moment",
    "date": "day",
    "binary": "bytes",
}
Document = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One parameter or field. ``type``: in words, with links to records; ``example``: empty where none helps."""

    name: str
    type: Markup
    description: Markup
    example: str
    required: bool = False


@dataclass(frozen=True)
class Reply:
    """One answer of an operation, with the forms it comes in and the headers it carries."""

    status: str
    description: str
    type: Markup
    media: list[str]
    headers: list[Row]


@dataclass(frozen=True)
class Operation:
    """One operation as the page shows it."""

    name: str
    tag: str
    method: str
    path: str
    summary: str
    description: Markup
    scope: str
    parameters: list[Row]
    body: Markup
    curl: str
    replies: list[Reply]
    example: str


def router(app: FastAPI, public_url: str | None) -> APIRouter:
    """``/docs``; open, as ``/openapi.json`` is."""
    found = APIRouter(include_in_schema=False)
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("reference.html")

    @found.get("/docs")
    def reference(request: Request) -> Response:
        """Every operation of the API: what it takes, what it answers, an example."""
        document = app.openapi()
        known = {
            "operations": list(operations(document, public_url or "http://localhost:3000")),
            "records": [
                (name, paragraphs(schema["description"]), fields(schema)) for name, schema in _records(document)
            ],
            "tags": document["tags"],
            "security": [
                (name, paragraphs(one["description"]))
                for name, one in document["components"]["securitySchemes"].items()
            ],
            "version": document["info"]["version"],
            "summary": document["info"]["summary"],
        }
        return HTMLResponse(template.render(known))

    return found


def operations(document: Document, url: str) -> Iterator[Operation]:
    """Every operation of a document, in its order.

    url : of the service, in the lines to type
    """
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            body = said.get("requestBody", {}).get("content", {}).get("application/json")
            answer = said["responses"]["200"]["content"]["application/json"]
            yield Operation(
                name=said["operationId"],
                tag=said["tags"][0],
                method=method.upper(),
                path=path,
                summary=said["summary"],
                description=paragraphs(said["description"]),
                scope=next(iter(said["security"][0].values()))[0],
                parameters=[_parameter(one) for one in said.get("parameters", [])],
                body=Markup("") if body is None else type_of(body["schema"]),
                curl=curl(method, url + path, said),
                replies=[_reply(status, one) for status, one in sorted(said["responses"].items())],
                example=json.dumps(answer["example"], indent=2, ensure_ascii=False),
            )


def curl(method: str, address: str, said: Document) -> str:
    """The line that asks for an operation's example."""
    for one in said.get("parameters", []):
        if one["in"] == "path":
            address = address.replace(f"{{{one['name']}}}", quote(str(example_of(one["schema"])), safe=""))
    how = "" if method in ("get", "post") else f"-X {method.upper()} "
    lines = [f"curl -s {how}{shlex.quote(address)}", '-H "Authorization: Bearer $KEY"']
    body = said.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        told = json.dumps(body["example"], ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(told)}"]
    return " \\\n     ".join(lines)


def fields(schema: Document) -> list[Row]:
    """The fields of a record; of names that follow a pattern, the pattern."""
    needed = schema.get("required", [])
    named = [(name, name in needed, one) for name, one in schema.get("properties", {}).items()]
    named += [(re.sub(r"[\^$]|\\d\+", lambda sign: "N" if "d" in sign[0] else "", name), False, one)
              for name, one in schema.get("patternProperties", {}).items()]  # fmt: skip
    return [
        Row(name, type_of(one), paragraphs(one["description"]), _shown(one), required) for name, required, one in named
    ]


def type_of(schema: Document) -> Markup:
    """What a value is, in words.

    >>> str(type_of({"type": "array", "items": {"$ref": "#/components/schemas/Reason"}}))
    'list of <a href="#record-Reason">Reason</a>'
    >>> str(type_of({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]}))
    'number, 0 to 1, or null'
    """
    if "$ref" in schema:
        return Markup('<a href="#record-{0}">{0}</a>').format(schema["$ref"].removeprefix(_PREFIX))
    if "anyOf" in schema and "type" not in schema:
        parts = [type_of(one) for one in schema["anyOf"]]
        return (Markup(", or ") if any("," in one for one in parts) else Markup(" or ")).join(parts)
    if "const" in schema or "enum" in schema:
        allowed = schema.get("enum", [schema.get("const")])
        return Markup(", ").join(Markup("<code>{}</code>").format(one) for one in allowed)
    if schema.get("type") == "array":
        return Markup("list of ") + type_of(schema.get("items", {}))
    if isinstance(schema.get("additionalProperties"), dict):
        return Markup("object of ") + type_of(schema["additionalProperties"])
    return escape(_plain(schema))


def _plain(schema: Document) -> str:
    """A value that is neither a record nor made of others."""
    kind = str(schema.get("type", "any value"))
    word = _WORDS.get(str(schema.get("format")), _WORDS.get(kind, kind))
    if "minimum" in schema and "maximum" in schema:
        return f"{word}, {schema['minimum']:g} to {schema['maximum']:g}"
    return word + (f" of at most {schema['maxLength']:,} characters" if "maxLength" in schema else "")


def paragraphs(text: str) -> Markup:
    r"""Plain text with code in backticks as HTML.

    >>> str(paragraphs("As `a<b`.\n\nSo\nit is."))
    '<p>As <code>a&lt;b</code>.</p><p>So it is.</p>'
    """
    parts = [re.sub(r"``?([^`]+)``?", r"<code>\1</code>", str(escape(part))) for part in text.split("\n\n")]
    return Markup("").join(Markup("<p>{}</p>").format(Markup(" ".join(part.split()))) for part in parts)  # noqa: S704 (escaped above)


def example_of(schema: Document) -> Any:
    """The example of a value, None where it has none of its own."""
    return next(iter(schema.get("examples", [])), None)


def _records(document: Document) -> list[tuple[str, Document]]:
    return sorted((name, one) for name, one in document["components"]["schemas"].items() if one["type"] == "object")


def _shown(schema: Document) -> str:
    found = example_of(schema)
    return "" if found is None or found in ([], {}) else json.dumps(found, ensure_ascii=False)


def _parameter(said: Document) -> Row:
    schema = said["schema"]
    found = example_of(schema)
    plain = "" if found is None else urlencode({said["name"]: found}) if said["in"] == "query" else str(found)
    kind = type_of(schema) + (f"; {schema['default']} unless said" if schema.get("default") is not None else "")
    return Row(said["name"], kind, paragraphs(said["description"]), plain, said.get("required", False))


def _reply(status: str, said: Document) -> Reply:
    content: Document = said.get("content", {})
    kinds = {type_of(one["schema"]) for media, one in content.items() if "json" in media}
    headers = [
        Row(name, type_of(one["schema"]), paragraphs(one["description"]), str(example_of(one["schema"]) or ""))
        for name, one in said.get("headers", {}).items()
    ]
    return Reply(status, said["description"], Markup(", ").join(kinds), list(content), headers)
