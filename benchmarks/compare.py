"""Whether two engines made the same table: integers equal, other numbers to 1e-9, missing where the other's are."""

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.table import COLUMNS, FEATURES, KEYS, WHOLE

TOLERANCE = 1e-9


def differences(ours: Path, theirs: Path, columns: tuple[str, ...] = FEATURES) -> list[str]:
    """One line for each way in which the tables in two folders differ; none where they are the same.

    Read column by column in the order of (lead_id, as_of), so that memory holds little more than one column of each.
    """
    order = [_keys(folder).with_row_index().sort(KEYS) for folder in (ours, theirs)]
    if not order[0].select(KEYS).equals(order[1].select(KEYS)):
        missing = order[1].join(order[0], on=list(KEYS), how="anti").height
        surplus = order[0].join(order[1], on=list(KEYS), how="anti").height
        return [f"rows: {missing} missing, {surplus} too many, of {order[1].height}"]
    places = [table["index"].to_numpy() for table in order]
    del order
    found = []
    for name in columns:
        mine, other = (_column(folder, name)[place] for folder, place in zip((ours, theirs), places, strict=True))
        if name in WHOLE:
            wrong = mine != other
        else:
            with np.errstate(invalid="ignore"):
                wrong = ~(np.isclose(mine, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
        if count := int(wrong.sum()):
            place = int(np.flatnonzero(wrong)[0])
            found.append(f"{name}: {count} of {len(wrong)} differ, such as {mine[place]} against {other[place]}")
    return found


def schema_problems(folder: Path) -> list[str]:
    """One line for each column of the table in `folder` that is not of the agreed type."""
    schema = pl.scan_parquet(folder / "*.parquet").collect_schema()
    agreed = {"lead_id": pl.String, "as_of": pl.Int64} | {
        name: pl.Int32 if name in WHOLE else pl.Float64 for name in FEATURES
    }
    return [
        f"{name}: {schema.get(name)} instead of {agreed[name]}" for name in COLUMNS if schema.get(name) != agreed[name]
    ]


def _keys(folder: Path) -> pl.DataFrame:
    return pl.scan_parquet(folder / "*.parquet").select(KEYS).collect()


def _column(folder: Path, name: str) -> np.typing.NDArray[np.float64]:
    """One column as float64, missing as NaN; whole numbers stay exact."""
    column = pl.scan_parquet(folder / "*.parquet").select(name).collect().to_series()
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
