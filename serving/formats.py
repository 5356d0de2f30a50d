"""In which form an answer is wanted: JSON, or a table as Arrow or Parquet, by the header ``Accept``."""

import io
from typing import Annotated, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import Depends, Request
from starlette.responses import Response

from serving.problems import Problem

Format = Literal["json", "arrow", "parquet"]

MEDIA: dict[Format, str] = {
    "json": "application/json",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}

COLUMNS = "The columns of `veraison score`, `reasons` as JSON text; of a list, `last_activity` too."
"""What a table holds, for the description of a route."""


def preferred(accept: str) -> Format:
    """The form that a header prefers; of forms it likes alike, the first here. A Problem of status 406 for others.

    >>> preferred(""), preferred("text/html, */*;q=0.8"), preferred("*/*;q=.5, application/vnd.apache.parquet")
    ('json', 'json', 'parquet')
    """
    if not accept.strip():
        return "json"
    weights = [_range(part) for part in accept.split(",")]
    liked = {name: _weight(media, weights) for name, media in MEDIA.items()}
    best = max(liked, key=lambda name: liked[name])
    if liked[best] <= 0:
        raise Problem(406, "not-acceptable", f"Accept: there are {', '.join(MEDIA.values())}")
    return best


async def _accepted(request: Request) -> Format:
    return preferred(",".join(request.headers.getlist("accept")))


Accepted = Annotated[Format, Depends(_accepted)]
"""A handler's parameter: the form that is wanted."""


def table(frame: pl.DataFrame, form: Format, headers: dict[str, str] | None = None) -> Response:
    """A table as the body of an answer."""
    rows, body = frame.to_arrow(), io.BytesIO()
    if form == "parquet":
        pq.write_table(rows, body)
    else:
        with pa.ipc.new_stream(body, rows.schema) as stream:
            stream.write_table(rows)
    return Response(body.getvalue(), media_type=MEDIA[form], headers={"Vary": "Accept", **(headers or {})})


def _range(part: str) -> tuple[str, float]:
    media, *parameters = (one.strip().lower() for one in part.split(";"))
    weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        value = float(weight)
    except ValueError:
        return media, 0.0
    return media, value if 0 <= value <= 1 else 0.0


def _weight(media: str, ranges: list[tuple[str, float]]) -> float:
    """Of the ranges that hold a type, the most exact one decides (RFC 9110, 12.5.1)."""
    for wide in (media, f"{media.partition('/')[0]}/*", "*/*"):
        found = [weight for name, weight in ranges if name == wide]
        if found:
            return max(found)
    return 0.0
