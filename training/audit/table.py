"""A table without dates: one row a lead, one column the outcome."""

from pathlib import Path

import polars as pl

from data.files import first_line, open_bytes
from training.audit.alone import LEAST, Coded
from training.audit.columns import column_findings
from training.audit.finding import Finding, Severity, Sign, ordered
from training.landmarks import Bools
from veraison.errors import SourceError

ROWS = 50_000
"""More rows than this are sampled."""
_TWINS = 0.05
_WON = frozenset({"1", "1.0", "true", "yes", "y", "t", "won", "win", "converted", "customer", "oui", "gagné"})
SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


def read_table(path: Path) -> pl.DataFrame:
    """A CSV, TSV or Parquet file; SourceError, one line, where it is none."""
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise SourceError(f"{path}: give a {', '.join(SUFFIXES)} file")
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    try:
        if name.endswith(".parquet"):
            return pl.read_parquet(path)
        separator = "\t" if ".tsv" in name else ","
        with open_bytes(path, lambda _: None) as file:
            return pl.read_csv(file.read(), separator=separator, infer_schema_length=None, null_values=[""])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(f"{path}: cannot be read as a table: {first_line(error)}") from None


def audit_table(frame: pl.DataFrame, target: str, ids: tuple[str, ...] = (), seed: int = 7) -> list[Finding]:
    """What stands in a table that cannot have been known before the outcome.

    target : column of the outcome, of two values
    ids    : columns that name rows; they are not looked at

    >>> table = pl.DataFrame({"won": [True, False, False] * 50, "contract": ["C-1", None, None] * 50, "n": range(150)})
    >>> [(one.column, one.sign.value) for one in audit_table(table, "won", ids=("n",)) if one.severity == "leak"]
    [('contract', 'near perfect alone'), ('contract', 'known for one outcome only')]
    """
    for name in (target, *ids):
        if name not in frame.columns:
            raise SourceError(f"there is no column {name!r}; there are {', '.join(map(repr, frame.columns[:40]))}")
    frame = frame.filter(pl.col(target).is_not_null())
    if len(frame) > ROWS:
        frame = frame.sample(ROWS, seed=seed)
    won = outcome(frame[target])
    if min(int(won.sum()), int((~won).sum())) < LEAST:
        raise SourceError(
            f"column {target!r}: {int(won.sum())} of {len(won)} rows converted; {LEAST} of each are needed"
        )
    others = [frame[name] for name in frame.columns if name not in (target, *ids)]
    columns = [Coded.of(one) for one in others if not one.dtype.is_nested()]
    return ordered([*column_findings(columns, won, undated=True), *_twins(frame.drop(target, *ids), seed)])


def outcome(column: pl.Series) -> Bools:
    """(n,) which rows converted, of a column with two values: 1 or 0, yes or no, true or false, won or anything else.

    >>> outcome(pl.Series("Converted", ["Yes", "No"])).tolist()
    [True, False]
    """
    text = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    values = text.unique().sort().to_list()
    won = [value for value in values if value in _WON]
    if len(values) != 2 or len(won) != 1:
        shown = ", ".join(map(repr, values[:6]))
        raise SourceError(
            f"column {column.name!r} is no outcome: it needs two values, one of them such as 1, yes, true or won; "
            f"it has {shown}" + (f" and {len(values) - 6} more" if values[6:] else "")
        )
    found: Bools = (text == won[0]).to_numpy()
    return found


def _twins(frame: pl.DataFrame, seed: int) -> list[Finding]:
    """Rows that are alike in everything, far more than chance makes alike: a random split puts them on both sides."""
    frame = frame.select(name for name in frame.columns if not frame[name].dtype.is_nested())
    if not frame.width:
        return []
    by_chance = frame.select(pl.col(name).shuffle(seed + place) for place, name in enumerate(frame.columns))
    share, chance = (int(one.is_duplicated().sum()) / len(one) for one in (frame, by_chance))
    if share < _TWINS or chance > share / 10:
        return []
    told = f"{share:.1%} of rows have a twin that is alike in every column; keep twins on one side of a split"
    return [Finding("(rows)", Sign.duplicates, Severity.notice, told, share)]
