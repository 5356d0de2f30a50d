"""What a data scientist looks at first, as SVG: ROC, reliability, lift, calibration in time, survival by decile."""

from collections.abc import Callable, Sequence
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import vl_convert
from sklearn.metrics import roc_curve

from data.events import instant
from data.log import Floats
from training.evaluate import OURS, Judged
from training.landmarks import Bools

Chart = alt.HConcatChart | alt.ConcatChart
Points = Callable[[Bools, Floats], pd.DataFrame]

_COLOURS = {
    OURS: "#6d1f3a", "logistic regression": "#3b6ea5", "base rate": "#8a8a8a", "Kaplan-Meier": "#bdbdbd",
    "naive Bayes": "#7fb2d9", "Cox": "#2c7a4b", "random survival forest": "#8bbf6a",
    "gradient-boosted survival": "#c98a1b", "XGBoost Cox": "#b0562d", "XGBoost AFT": "#7d5ba6",
}  # fmt: skip
_OBSERVED, _PREDICTED = "observed", "predicted"


def save_plots(judged: Judged, folder: Path) -> list[Path]:
    """Write ``roc.svg``, ``reliability.svg`` and ``lift.svg``, one panel a horizon."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, chart in (("roc", roc([judged])), ("reliability", reliability([judged])), ("lift", lift([judged]))):
        path = folder / f"{name}.svg"
        path.write_text(svg(chart), encoding="utf-8")
        found.append(path)
    return found


def svg(chart: Chart) -> str:
    """A chart as SVG: no script, and nothing that would be fetched."""
    text: str = vl_convert.vegalite_to_svg(chart.to_json())
    return text


def roc(folds: Sequence[Judged]) -> Chart:
    """Share of the converted found against share of the others taken along; each fold calls its own best first."""
    return _panels(folds, _roc, "share of the others", "share of the converted", of=_ranks)


def reliability(folds: Sequence[Judged]) -> Chart:
    """Observed share against mean probability in ten groups of equally many rows, all folds together."""
    return _panels(folds, _reliability, "predicted", "observed", points=True)


def lift(folds: Sequence[Judged]) -> Chart:
    """Share of conversions found against share of leads called; each fold calls its own best first."""
    return _panels(folds, _lift, "share of leads called, best first", "share of conversions found", of=_ranks)


def calibration_in_time(folds: Sequence[Judged], primary: int) -> Chart:
    """Ours within the primary horizon, one panel a fold: predicted and observed share by moment of the score."""
    panels = []
    for fold in folds:
        chance = fold.probability[OURS][:, fold.horizons.index(primary)]
        happened = fold.outcomes.within(primary)
        parts = np.array_split(np.argsort(fold.pairs.as_of, kind="stable"), max(min(12, len(chance) // 100), 2))
        frame = pd.DataFrame(
            {
                "x": [instant(int(np.median(fold.pairs.as_of[part]))) for part in parts for _ in range(2)],
                "y": [float(values[part].mean()) for part in parts for values in (chance, happened)],
                "line": [line for _ in parts for line in (_PREDICTED, _OBSERVED)],
            }
        )
        base = alt.Chart(frame).encode(
            x=alt.X("x:T", title="moment of the score"),
            y=alt.Y("y:Q", title=f"share within {primary} days", axis=alt.Axis(format="%")),
            color=_line_colour(),
        )
        title = f"trained {instant(fold.origin):%Y-%m-%d}"
        panels.append(base.mark_line(point=True).properties(width=260, height=200, title=title))
    return alt.hconcat(*panels)


def survival_by_decile(folds: Sequence[Judged]) -> Chart:
    """Ours, one panel a fold: mean curve of each tenth of the rows by probability, and the share really open."""
    panels = []
    for fold in folds:
        order = np.argsort(fold.probability[OURS][:, -1], kind="stable")
        days = np.concatenate([[0.0], fold.times])
        rows = []
        for tenth, part in enumerate(np.array_split(order, 10), start=1):
            if not len(part):
                continue
            gone = fold.outcomes.event[part, None] & (fold.outcomes.duration[part, None] <= days)
            predicted = np.concatenate([[1.0], fold.curves[OURS][part].mean(axis=0)])
            for line, values in ((_OBSERVED, 1 - gone.mean(axis=0)), (_PREDICTED, predicted)):
                rows += [(day, float(value), line, f"{tenth} {line}") for day, value in zip(days, values, strict=True)]
        frame = pd.DataFrame(rows, columns=["x", "y", "line", "group"])
        chart = (
            alt.Chart(frame)
            .mark_line()
            .encode(
                x=alt.X("x:Q", title="days after the score"),
                y=alt.Y("y:Q", title="share still open", scale=alt.Scale(zero=False), axis=alt.Axis(format="%")),
                color=_line_colour(),
                strokeDash=alt.StrokeDash(
                    "line:N", legend=None, scale=alt.Scale(domain=[_OBSERVED, _PREDICTED], range=[[1, 0], [4, 3]])
                ),
                detail="group:N",
            )
        )
        panels.append(chart.properties(width=260, height=260, title=f"trained {instant(fold.origin):%Y-%m-%d}"))
    return alt.hconcat(*panels)


def _line_colour() -> alt.Color:
    scale = alt.Scale(domain=[_OBSERVED, _PREDICTED], range=["#2a2230", _COLOURS[OURS]])
    return alt.Color("line:N", title=None, scale=scale, legend=alt.Legend(orient="bottom"))


def _as_told(chance: Floats) -> Floats:
    return chance


def _ranks(chance: Floats) -> Floats:
    """Within a fold: the level of probabilities may differ from training to training."""
    ranks: Floats = np.searchsorted(np.sort(chance), chance) / max(len(chance), 1)
    return ranks


def _panels(
    folds: Sequence[Judged],
    draw: Points,
    x: str,
    y: str,
    *,
    of: Callable[[Floats], Floats] = _as_told,
    points: bool = False,
) -> Chart:
    names = [name for name in folds[0].probability if all(name in fold.probability for fold in folds)]
    panels = []
    for place, days in enumerate(folds[0].horizons):
        happened = np.concatenate([fold.outcomes.within(days) for fold in folds])
        frames = [
            draw(happened, np.concatenate([of(fold.probability[name][:, place]) for fold in folds])).assign(model=name)
            for name in names
        ]
        scale = alt.Scale(domain=names, range=[_COLOURS.get(name, "#444444") for name in names])
        legend = alt.Legend(orient="bottom", columns=5, labelLimit=220)
        lines = (
            alt.Chart(pd.concat(frames))
            .mark_line(point=points)
            .encode(
                x=alt.X("x:Q", title=x, scale=alt.Scale(nice=True)),
                y=alt.Y("y:Q", title=y),
                color=alt.Color("model:N", scale=scale, title=None, legend=legend),
                strokeWidth=alt.condition(alt.datum.model == OURS, alt.value(2.6), alt.value(1.3)),
                order="x:Q",
            )
        )
        top = max(float(frame[["x", "y"]].to_numpy().max()) for frame in frames)
        ideal = pd.DataFrame({"x": [0.0, top], "y": [0.0, top]})
        diagonal = alt.Chart(ideal).mark_line(strokeDash=[4, 4], color="#bbb").encode(x="x:Q", y="y:Q")
        panels.append(alt.layer(lines, diagonal).properties(width=260, height=240, title=f"within {days} days"))
    return alt.hconcat(*panels)


def _roc(happened: Bools, probability: Floats) -> pd.DataFrame:
    if happened.all() or not happened.any():
        return pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
    fall_out, recall, _ = roc_curve(happened, probability)
    keep = np.unique(np.linspace(0, len(recall) - 1, min(len(recall), 200)).astype(int))
    return pd.DataFrame({"x": fall_out[keep], "y": recall[keep]})


def _reliability(happened: Bools, probability: Floats) -> pd.DataFrame:
    """The groups of `training.metrics.ece`: equal probabilities stay together, whatever the order of rows."""
    place = np.searchsorted(np.sort(probability), probability) * 10 // max(len(probability), 1)
    size, predicted, observed = (np.bincount(place, weights, 10) for weights in (None, probability, happened))
    there = size > 0
    return pd.DataFrame({"x": predicted[there] / size[there], "y": observed[there] / size[there]})


def _lift(happened: Bools, probability: Floats) -> pd.DataFrame:
    """A straight line between rows of equal probability: which of them is called first is chance."""
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
    found = np.cumsum(happened[order])[last] / max(int(happened.sum()), 1)
    keep = np.unique(np.linspace(0, len(last) - 1, min(len(last), 200)).astype(int))
    called = (last[keep] + 1) / len(order)
    return pd.DataFrame({"x": np.append(0.0, called), "y": np.append(0.0, found[keep])})
