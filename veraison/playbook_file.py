"""A playbook from its file, and in one line what is wrong with it: the key's path and what is allowed there."""

import tomllib
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from veraison.errors import PlaybookError
from veraison.playbook import REMOVED, Playbook


def load_playbook(path: Path) -> Playbook:
    """Read a playbook.

    Raises PlaybookError: one line with the key's path and what is allowed there.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows' editors put a mark in front
    except FileNotFoundError:
        raise PlaybookError(
            f"{path}: no playbook there; give one with --playbook, or write its least form: "
            '[journey] converted = ["Deal Won"]'
        ) from None
    except OSError as error:
        raise PlaybookError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise PlaybookError(f"{path}: not UTF-8 at byte {error.start + 1}") from None
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlaybookError(f"{path}: not valid TOML: {_printable(str(error))}") from None
    try:
        return Playbook.model_validate(tables)
    except ValidationError as error:
        raise PlaybookError(f"{path}: {_one_line(error)}") from None


_SHOULD_BE = {
    "model_type": "should be a table",
    "dict_type": "should be a table",
    "tuple_type": 'should be a list, such as ["Deal Won"]',
    "string_type": "should be text",
    "string_too_short": "should not be empty",
    "int_type": "should be a whole number",
    "float_type": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
}
"""What a person calls it, by pydantic's type of error; its own words are used for the others."""


def _one_line(error: ValidationError) -> str:
    first, *others = error.errors()
    path = ".".join(str(part) for part in first["loc"]) or "playbook"
    if first["type"] == "extra_forbidden":
        table = ".".join(str(part) for part in first["loc"][:-1])
        where = f"in [{table}]" if table else "at the top level"
        if first["loc"][-1] in REMOVED.get(table, ()):
            return f"{path}: is no key any more, as thresholds are calibrated (monitoring.false_alarms); leave it out"
        sentence = f"unknown key; allowed {where}: {', '.join(_allowed(first['loc'][:-1]))}"
    elif first["type"] == "missing":
        sentence = "is required and missing"
        if path in ("journey", "journey.converted"):
            sentence += '; write [journey] converted = ["Deal Won"] with your own event name'
    else:
        sentence = _SHOULD_BE.get(first["type"], first["msg"].removeprefix("Value error, "))
        sentence = sentence.replace("Input should", "should")
        if not isinstance(first["input"], dict):
            sentence += f" (got {_short(first['input'])})"
    return _printable(f"{path}: {sentence}" + (f" (and {len(others)} more)" if others else ""))


def _printable(text: str) -> str:
    """The same on one line, whatever a key is called."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _allowed(path: tuple[int | str, ...]) -> list[str]:
    model: Any = Playbook
    for part in path:
        if _is_table(model):
            field = model.model_fields.get(str(part))
            if field is None:  # a table by a name of the firm's own
                model = _inner(model.__annotations__["__pydantic_extra__"])
            else:  # or one that may be left out
                model = _inner(field.annotation) if isinstance(field.annotation, UnionType) else field.annotation
        else:  # a list of tables, or tables by name
            model = _inner(model)
    return sorted(model.model_fields)


def _inner(annotation: Any) -> Any:
    return next(one for one in get_args(annotation) if _is_table(one))


def _is_table(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel)


def _short(value: object) -> str:
    text = value.isoformat() if isinstance(value, date) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
