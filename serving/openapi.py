"""How the API describes itself: what each route takes, what it answers, and an example of both.

FastAPI knows paths and parameters. Bodies are read and answers made without it, so they are told here; the answers are
the records of :mod:`veraison.answers`, which the client reads into.
"""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import veraison.answers
from serving.formats import MEDIA
from serving.keys import Scope
from veraison.answers import Answer, ProblemDocument

Described = dict[int | str, dict[str, Any]]

_PROBLEM = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^\d+$", "examples": ["1"]},
    }
}
_LINK = {
    "Link": {
        "description": 'Where the next page of a table is (`rel="next"`), where there is one; JSON has `next` too.',
        "schema": {"type": "string", "examples": ['</v1/leads?limit=50&cursor=WzE3>; rel="next"']},
    }
}
_CHALLENGE = {
    "WWW-Authenticate": {
        "description": "How a key can be given.",
        "required": True,
        "schema": {"type": "string", "examples": ['Bearer realm="veraison"']},
    }
}
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of `veraison keys create`, such as `Authorization: Bearer ver_...`.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The same key as the user name, without a password, as Segment's clients send it.",
    },
}
_TAGS = [
    {"name": "events", "description": "Events in: what leads do, and what is learned of them."},
    {"name": "scores", "description": "Scores out: how mature a lead is, why, and when it will be ready."},
    {"name": "rights", "description": "What a person may ask for: a copy of everything, and to be forgotten."},
    {"name": "service", "description": "What serves."},
]

HOOKED: dict[str, Any] = {
    "description": "One object of the sender's, or a list of at most 1,000.",
    "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}, "maxItems": 1_000}],
}
HOOK_EXAMPLE = [{"eventId": 1, "subscriptionType": "contact.creation", "objectId": 42, "occurredAt": 1_772_356_320_000}]


def problem(text: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    """An error as an answer of a route."""
    found: dict[str, Any] = {"description": text, "content": {"application/problem+json": _PROBLEM}}
    return found | ({"headers": headers} if headers else {})


def busy(text: str) -> dict[str, Any]:
    """An error that says when to try again."""
    return problem(text, _RETRY_AFTER)


PROBLEMS: Described = {
    401: problem("No key, or one that does not hold", _CHALLENGE),
    403: problem("The key lacks the scope, or a page of another site asks"),
    422: problem("A value is not allowed"),
    429: busy("Too many requests with this key"),
    503: problem("There is no model yet, or the store does not answer"),
}
BODY_PROBLEMS: Described = PROBLEMS | {
    400: problem("Not JSON, or not in the encoding it claims"),
    413: problem("Too much at once"),
    415: problem("An encoding other than gzip"),
    429: busy("Too much is waiting already, or too many requests with this key"),
}
NOT_FOUND: Described = {404: problem("Nothing of this lead is known at that moment")}
NO_MAPPING: Described = {404: problem("There is no such mapping")}
NO_REPORT: Described = {404: problem("There is no such report, or nobody has measured it yet")}
NO_ROUTES: Described = {404: problem("The playbook has no routes")}
NO_MODEL: Described = {404: problem("No served score of that model counts yet")}
CONFLICT: Described = {409: problem("Another model serves than the one that made the page before")}


def answers(model: type[Answer], *, tables: str | None = None, pages: bool = False) -> Described:
    """The answer of a route where all is well.

    tables : what stands in it as Arrow or Parquet, where these are answered too
    pages  : whether there can be a page after it
    """
    content: dict[str, Any] = {}
    if tables:
        binary = {"schema": {"type": "string", "format": "binary", "description": tables}}
        content |= {MEDIA[name]: binary for name in ("arrow", "parquet")}
    text = (model.__doc__ or "").splitlines()[0]
    found: Described = {200: {"model": model, "description": text, "content": content}}
    if pages:
        found[200]["headers"] = _LINK
    return found | ({406: problem("None of the forms in Accept")} if tables else {})


def asks(scope: Scope, tag: str, body: dict[str, Any] | None = None, example: Any = None) -> dict[str, Any]:
    """What a route asks for, for ``openapi_extra``.

    body : JSON schema of the body, where it has one
    """
    found: dict[str, Any] = {"tags": [tag], "security": [{name: [scope]} for name in _SECURITY]}
    if body is not None:
        content = {"application/json": {"schema": body, "example": example}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Where the description holds a body's schema."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def example(model: type[BaseModel]) -> dict[str, Any]:
    """An example of a record, put together from those of its fields.

    >>> from veraison.answers import Taken
    >>> example(Taken)["rejected"][0]["messageId"]
    'm-2'
    """
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        shown = field.examples[0] if field.examples else _inner(field.annotation)
        found[field.alias or name] = shown
    return found | getattr(model, "example_extras", {})


def _inner(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return example(annotation)
    parts = [one for one in getattr(annotation, "__args__", ()) if one not in (type(None), Ellipsis)]
    found = _inner(parts[0])
    return [found] if getattr(annotation, "__origin__", None) is tuple else found


def describe(app: FastAPI, bodies: tuple[type[BaseModel], ...]) -> None:
    """Complete what FastAPI says of an app: the schemas that it does not see, keys, and subjects.

    bodies : records of request bodies
    """
    plain = app.openapi
    shown: list[type[BaseModel]] = [*bodies, ProblemDocument]

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = plain()
            _, schemas = models_json_schema(
                [(model, "validation") for model in shown],
                ref_template="#/components/schemas/{model}",
            )
            parts = found.setdefault("components", {})
            parts.setdefault("schemas", {}).update(schemas.get("$defs", {}))
            parts["securitySchemes"] = _SECURITY
            found["tags"] = _TAGS
            _add_examples(found)
        return app.openapi_schema or {}

    app.openapi = whole  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _add_examples(document: dict[str, Any]) -> None:
    """An example of each answer; here, as FastAPI leaves out members that are null."""
    for methods in document["paths"].values():
        for said in methods.values():
            content = said["responses"]["200"]["content"][MEDIA["json"]]
            name = content["schema"]["$ref"].rpartition("/")[2]
            content["example"] = example(getattr(veraison.answers, name))
