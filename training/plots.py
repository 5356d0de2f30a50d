"""What a data scientist looks at first: ROC, reliability and lift, this model beside the baselines."""

from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import vl_convert
from sklearn.metrics import roc_curve

from data.log import Floats
from training.evaluate import OURS, Judged
from training.landmarks import Bools

_COLOURS = {OURS: "#6d1f3a", "logistic regression": "#3b6ea5", "base rate": "#8a8a8a"}


def save_plots(judged: Judged, folder: Path) -> list[Path]:
    """Write ``roc.svg``, ``reliability.svg`` and ``lift.svg``, one panel a horizon."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = {
        "roc": _panels(judged, _roc, "share of the others", "share of the converted", diagonal=True),
        "reliability": _panels(judged, _reliability, "predicted", "observed", diagonal=True),
        "lift": _panels(
            judged, _lift, "share of leads called, best first", "share of conversions found", diagonal=True
        ),
    }
    found = []
    for name, chart in charts.items():
        path = folder / f"{name}.svg"
        path.write_text(vl_convert.vegalite_to_svg(chart.to_json()), encoding="utf-8")
        found.append(path)
    return found


def _panels(judged: Judged, points: object, x: str, y: str, *, diagonal: bool) -> alt.HConcatChart:
    panels = []
    for place, days in enumerate(judged.horizons):
        happened = judged.outcomes.within(days)
        frames = [
            points(happened, probability[:, place]).assign(model=model)  # type: ignore[operator]
            for model, probability in judged.probability.items()
        ]
        scale = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
        lines = (
            alt.Chart(pd.concat(frames))
            .mark_line(point=points is _reliability)
            .encode(
                x=alt.X("x:Q", title=x, scale=alt.Scale(nice=True)),
                y=alt.Y("y:Q", title=y),
                color=alt.Color("model:N", scale=scale, title=None, legend=alt.Legend(orient="bottom")),
                order="x:Q",
            )
        )
        layers = [lines]
        if diagonal:
            top = max(float(frame[["x", "y"]].to_numpy().max()) for frame in frames)
            ideal = pd.DataFrame({"x": [0.0, top], "y": [0.0, top]})
            layers.append(alt.Chart(ideal).mark_line(strokeDash=[4, 4], color="#bbb").encode(x="x:Q", y="y:Q"))
        panels.append(alt.layer(*layers).properties(width=260, height=240, title=f"within {days} days"))
    return alt.hconcat(*panels)


def _roc(happened: Bools, probability: Floats) -> pd.DataFrame:
    if happened.all() or not happened.any():
        return pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
    fall_out, recall, _ = roc_curve(happened, probability)
    keep = np.unique(np.linspace(0, len(recall) - 1, min(len(recall), 200)).astype(int))
    return pd.DataFrame({"x": fall_out[keep], "y": recall[keep]})


def _reliability(happened: Bools, probability: Floats) -> pd.DataFrame:
    parts = [part for part in np.array_split(np.argsort(probability, kind="stable"), 10) if len(part)]
    return pd.DataFrame(
        {"x": [probability[part].mean() for part in parts], "y": [happened[part].mean() for part in parts]}
    )


def _lift(happened: Bools, probability: Floats) -> pd.DataFrame:
    found = np.cumsum(happened[np.argsort(-probability, kind="stable")]) / max(int(happened.sum()), 1)
    places = np.unique(np.linspace(0, len(found) - 1, min(len(found), 100)).astype(int))
    return pd.DataFrame({"x": (places + 1) / len(found), "y": found[places]})
