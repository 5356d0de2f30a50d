"""The report of a backtest: one page that needs nothing beside it, and every figure as JSON.

Written for two readers: who decides about leads, and who decides about models. Every table and plot says in a sentence
how it is read.
"""

import json
import math
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from data.events import instant, isoformat
from training import plots
from training.backtest import Backtest
from training.evaluate import OURS
from training.slices import LARGE_ECE

_WORDS = {
    "auc": "AUC", "pr_auc": "PR-AUC", "log_loss": "log-loss", "brier": "Brier", "brier_skill": "Brier skill",
    "ece": "ECE", "predicted_to_observed": "predicted / observed", "top_decile_lift": "lift of the top tenth",
    "concordance": "concordance", "integrated_brier": "integrated Brier",
    "interval_coverage": "80 % interval covers", "timing_error_days": "timing error, days",
    "constant_error_days": "a constant's error, days", "timing_error_to_constant": "timing error / the constant's",
}  # fmt: skip
_MEASURES = (
    ("AUC", "a lead that converts is ranked above one that does not so often; 0.5 is chance, 1 is perfect"),
    ("PR-AUC", "mean precision over all cuts; the share that converts is chance"),
    ("log-loss, Brier", "error of the probabilities; lower is better, and certainty that proves wrong costs most"),
    ("Brier skill", "share of the base rate's Brier error that is gone; 0 is no better than the base rate"),
    ("ECE", "how far mean probability and observed share lie apart, over ten groups of equally many rows"),
    ("predicted / observed", "1 is right in total; 1.2 promises a fifth too many conversions"),
    ("lift of the top tenth", "how many times more often the tenth with the highest probability converts than all"),
    ("integrated Brier", "error of the whole curve, averaged over days to the longest horizon; every judged row was "
     "followed so long, so nothing is censored; only models with whole curves have it"),
    ("concordance", "of two leads, the one that converts first had the higher probability so often"),
    ("timing error", "days between the median time told and the true one, among those who became ready; a constant is "
     "the median time of the training leads, told to everyone"),
)  # fmt: skip
_PLOTS = (
    ("roc", "ROC", "Called from the best lead down: how many of the converted are found (up) while how many of the "
     "others are taken along (right). Further to the upper left is better; the dashed line is chance."),
    ("reliability", "Reliability", "Each point is a tenth of the rows: the mean probability told (right) and the share "
     "that converted (up). On the dashed line, 20 % means 20 %."),
    ("lift", "Lift", "Calling this share of leads, best first (right), finds this share of all conversions (up)."),
    ("calibration_in_time", "Calibration in time", "Probability told and share that converted, by the moment of the "
     "score, for each training. Lines that drift apart say that the market has changed since."),
    ("survival_by_decile", "Survival curves by decile", "Ten groups from the least to the most likely: the mean curve "
     "told (dashed) and the share really still open (solid). Dashed on solid means that the times are right too."),
)  # fmt: skip
_ENDINGS = {"converted": "won", "lost": "lost", "opted_out": "opted out"}
_STYLE = """
body{font:15px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif;color:#2a2230;margin:2rem auto;max-width:1080px;
padding:0 1rem}h1,h2,h3{line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid #e7e1e4;padding-bottom:.3rem}
table{border-collapse:collapse;margin:.8rem 0;font-variant-numeric:tabular-nums}caption{text-align:left;color:#6b6370;
padding-bottom:.3rem}th,td{padding:.22rem .7rem;text-align:right;border-bottom:1px solid #efeaec}th:first-child,
td:first-child{text-align:left}tr.ours{background:#f8f1f5;font-weight:600}tr.poor{background:#fdeee7}
small{color:#6b6370;font-weight:400}.scroll{overflow-x:auto}.better{color:#2c6b4a}.worse{color:#a2411f;font-weight:600}
svg{max-width:100%;height:auto}dt{font-weight:600}dd{margin:0 0 .3rem 1rem}
"""


def folder_name(found: Backtest) -> str:
    """Named by the moment it looks back from: the same question again replaces its answer."""
    return isoformat(found.before).replace(":", "")


def write_report(found: Backtest, folder: Path) -> Path:
    """Write ``index.html`` and ``backtest.json`` into a folder; the page's path.

    Raises : OSError where the folder cannot be written
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record(found), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "backtest.json").write_text(text, encoding="utf-8")
    page = folder / "index.html"
    page.write_text(_page(found), encoding="utf-8")
    return page


def record(found: Backtest) -> dict[str, Any]:
    """Every figure, for machines; what could not be measured is null."""
    return {
        "as_of": isoformat(found.before),
        "origins": [isoformat(fold.origin) for fold in found.folds],
        "horizons": list(found.folds[0].horizons),
        "primary": found.primary,
        "draws": found.draws,
        "notes": list(found.notes),
        "figures": _records(found.figures),
        "by_landmark_day": _records(found.by_day),
        "incidence": _records(found.incidence),
        "comparison": _records(found.comparison),
        "slices": _records(found.slices),
    }


def _records(frame: pl.DataFrame) -> list[dict[str, Any]]:
    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    rows = frame.with_columns(pl.col(times).dt.strftime("%Y-%m-%dT%H:%M:%SZ")) if times else frame
    return [
        {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}
        for row in rows.iter_rows(named=True)
    ]


def _page(found: Backtest) -> str:
    origins = ", ".join(f"{instant(fold.origin):%Y-%m-%d}" for fold in found.folds)
    parts = [
        "<h1>Backtest</h1>",
        f"<p>As known at {isoformat(found.before)}. Each model was trained on what was known at {origins}, and judged "
        f"on leads created after that, each followed for {max(found.folds[0].horizons)} days. Brackets are 95 % "
        f"intervals from {found.draws} draws of whole leads.</p>",
        "".join(f"<p><small>{escape(note)}</small></p>" for note in found.notes),
        "<h2>Is it better than the others?</h2>",
        "<p>Mean over the folds, ours minus the other's on the same rows. Verdicts hold after Holm's correction for "
        "all comparisons of this table; &ldquo;not to be told apart&rdquo; says that the difference may be chance.</p>",
        _comparison(found),
        "<h2>Plots</h2>",
        *(_figure(found, *plot) for plot in _PLOTS),
        "<h2>For whom is it right?</h2>",
        f"<p>Within {found.primary} days. A group is marked where predicted over observed differs from 1 by more than "
        f"chance (Holm's correction over all groups) and its ECE is above {LARGE_ECE:g} or a fifth of the observed "
        "share: do not trust its numbers.</p>",
        _slices(found.slices),
        "<h2>How leads end</h2>",
        "<p>Share of the judged rows that was won, lost or opted out within so many days, whichever came first, others "
        "being able to come in between (Aalen and Johansen); below it, the share that the training rows had. Only "
        "winning is predicted: a share lost that moves away from what it was says that the market, or the way it is "
        "recorded, has changed.</p>",
        _incidence(found.incidence),
        "<h2>Every fold</h2>",
        *(_fold(found, place) for place in range(len(found.folds))),
        "<h2>What the measures say</h2><dl>",
        *(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in _MEASURES),
        "</dl>",
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>Backtest</title></head><body>{"".join(parts)}</body></html>'
    )


def _figure(found: Backtest, name: str, title: str, words: str) -> str:
    chart = getattr(plots, name)
    picture = plots.svg(chart(found.folds, found.primary) if name == "calibration_in_time" else chart(found.folds))
    return f"<h3>{title}</h3><p>{escape(words)}</p><div class=scroll>{picture}</div>"


def _comparison(found: Backtest) -> str:
    rows = []
    for row in found.comparison.iter_rows(named=True):
        verdict = f"<span class={row['verdict'].split()[0]}>{row['verdict']}</span>"
        difference = f"{row['difference']:+.4f} {_brackets(row['low'], row['high'], 4)}"
        p = _number(row["p"], 3)
        rows.append([row["peer"], f"{row['horizon']} d", _WORDS[row["metric"]], _number(row["ours"], 4),
                     _number(row["theirs"], 4), difference, p, verdict])  # fmt: skip
    return _table(["against", "within", "measure", "ours", "theirs", "difference", "p (Holm)", "verdict"], rows)


def _slices(frame: pl.DataFrame) -> str:
    rows, marks = [], []
    for row in frame.iter_rows(named=True):
        told = f"{_number(row['predicted_to_observed'], 2)} {_brackets(row['low'], row['high'], 2)}"
        auc = f"{_number(row['auc'], 3)} {_brackets(row['auc_low'], row['auc_high'], 2)}"
        rows.append([
            f"{escape(row['slice'])}: {escape(row['group'])}", f"{row['pairs']:,}", f"{row['leads']:,}",
            f"{row['predicted']:.1%}", f"{row['observed']:.1%}", told, auc, _number(row["ece"], 3),
            "poor calibration" if row["poor"] else "too few to tell" if row["p"] is None else "",
        ])  # fmt: skip
        marks.append("poor" if row["poor"] else "")
    names = ["group", "rows", "leads", "predicted", "observed", "predicted / observed", "AUC", "ECE", ""]
    return _table(names, rows, marks)


def _incidence(frame: pl.DataFrame) -> str:
    causes = frame["cause"].unique(maintain_order=True).to_list()
    rows = []
    for (origin, days), here in frame.group_by("origin", "horizon", maintain_order=True):
        by_cause = {row["cause"]: row for row in here.iter_rows(named=True)}
        told = [row["predicted"] for row in by_cause.values() if row["predicted"] is not None]
        shares = [f"{_percent(by_cause[c]['observed'])}<br>{_before(by_cause[c]['before'])}" for c in causes]
        rows.append([f"{origin:%Y-%m-%d}, {days} d", *map(_percent, told), *shares])
    return _table(["trained, within", "won, predicted", *(_ENDINGS[cause] for cause in causes)], rows)


def _before(share: float | None) -> str:
    return "" if share is None else f"<small>before: {_percent(share)}</small>"


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _fold(found: Backtest, place: int) -> str:
    fold = found.folds[place]
    moment = instant(fold.origin)
    figures = found.figures.filter(origin=moment)
    title = f"<h3>Trained {moment:%Y-%m-%d}: {len(fold.pairs):,} rows of {figures['leads'][0]:,} later leads</h3>"
    parts = [title]
    for days in (*fold.horizons, 0):
        here = figures.filter(horizon=days)
        caption = f"within {days} days" if days else "of the whole curve, and of times"
        parts.append(_of_models(here, caption))
    by_day = found.by_day.filter(origin=moment, model=OURS)
    for (day,), rows in by_day.group_by("landmark_day", maintain_order=True):
        parts.append(_of_horizons(rows, f"ours, day {day} after creation: {rows['pairs'][0]:,} rows"))
    return "".join(parts)


def _of_models(figures: pl.DataFrame, caption: str) -> str:
    metrics = figures["metric"].unique(maintain_order=True).to_list()
    rows, marks = [], []
    for (model,), of_model in figures.group_by("model", maintain_order=True):
        cells = {row["metric"]: _cell(row) for row in of_model.iter_rows(named=True)}
        rows.append([escape(str(model)), *(cells.get(metric, "") for metric in metrics)])
        marks.append("ours" if model == OURS else "")
    return _table([caption, *(_WORDS[metric] for metric in metrics)], rows, marks)


def _of_horizons(figures: pl.DataFrame, caption: str) -> str:
    metrics = figures["metric"].unique(maintain_order=True).to_list()
    rows = []
    for (days,), of_horizon in figures.group_by("horizon", maintain_order=True):
        cells = {row["metric"]: _cell(row) for row in of_horizon.iter_rows(named=True)}
        rows.append([f"within {days} days", *(cells.get(metric, "") for metric in metrics)])
    return _table([caption, *(_WORDS[metric] for metric in metrics)], rows)


def _cell(row: dict[str, Any]) -> str:
    return f"{_number(row['value'], 3)}<br>{_brackets(row['low'], row['high'], 2)}"


def _brackets(low: float, high: float, digits: int) -> str:
    return f"<small>[{_number(low, digits)}; {_number(high, digits)}]</small>"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _table(names: Iterable[str], rows: list[list[str]], marks: list[str] | None = None) -> str:
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        f'<tr class="{mark}">{"".join(f"<td>{cell}</td>" for cell in row)}</tr>'
        for row, mark in zip(rows, marks or [""] * len(rows), strict=True)
    )
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
