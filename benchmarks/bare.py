"""The peer of the service: a bare Starlette app that does the job of one explained score and nothing else.

The same look-up, the same features, the same models; LightGBM predicts the hazard of every bin and explains with
``pred_contrib``. No key is checked, nothing is logged or measured, no text is written. It answers on the event loop,
which costs it less CPU than threads would: ``python -m benchmarks.bare WORKSPACE PORT``.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from data.journey import standing
from data.log import Floats
from data.store import Store
from features import compute
from serving.models import load_champion
from training import curve
from training.bundle import READY_LEVELS, Bundle
from training.hazard import LARGEST_LOG_RATIO, HazardModel, middles
from veraison.playbook_file import load_playbook
from veraison.settings import Workspace

SHOWN = 8


class Hazard:
    """A hazard model as LightGBM alone predicts it: one row, repeated once a bin."""

    def __init__(self, model: HazardModel) -> None:
        bins = len(model.rates)
        self._booster, self._clocks = model.booster, list(model.clocks)
        self._exposed = model.rates * np.diff(model.edges)
        self._passed, self._bins = middles(model.edges)[:, None], np.arange(float(bins))[:, None]
        self.edges = model.edges

    def cumulative(self, row: Floats) -> Floats:
        rows = np.hstack([np.repeat(row, len(self._bins), axis=0), self._bins])
        rows[:, self._clocks] += self._passed
        found = np.asarray(self._booster.predict(rows, raw_score=True, num_threads=1))
        hazard = self._exposed * np.exp(np.clip(found, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO))
        return np.concatenate([[0.0], np.cumsum(hazard)])[None]


class Bare:
    def __init__(self, workspace: Workspace) -> None:
        playbook = load_playbook(workspace.playbook)
        self._store = Store(workspace.store_url, playbook.identity.keys, playbook.features.accounts)
        self._bundle: Bundle = load_champion(workspace)
        self._conversion = Hazard(self._bundle.conversion)
        self._readiness = None if self._bundle.readiness is None else Hazard(self._bundle.readiness)
        self._horizons = np.array(self._bundle.playbook.horizons.days, dtype=np.float64)

    async def score(self, request: Request) -> Response:
        now = time.time_ns() // 1_000
        scores = [self._scored(lead_id, now) for lead_id in (await request.json())["lead_ids"]]
        return Response(json.dumps({"scores": scores}), media_type="application/json")

    def _scored(self, lead_id: str, as_of: int) -> dict[str, Any]:
        bundle, log = self._bundle, self._store.history([lead_id])
        lead, moment = log.codes([lead_id]), np.array([as_of])
        where = standing(log, bundle.playbook.journey, lead, moment)
        row = compute.batch(log, bundle.feature_set, lead, moment, where.started)
        phi = np.asarray(bundle.explained.booster.predict(row, pred_contrib=True, num_threads=1))[0]
        log_odds = phi.sum()
        probability, ready = self._curve(row, log_odds)
        per_unit, shift = 10 / np.log(2), np.log(bundle.base_odds)
        top = np.argsort(-np.abs(phi[:-1]))[:SHOWN]
        return {
            "lead_id": lead_id,
            "score": float(np.clip(50 + per_unit * (log_odds - shift), 0, 100)),
            "base": float(50 + per_unit * (phi[-1] - shift)),
            "probabilities": dict(zip(bundle.horizon_names, probability.tolist(), strict=True)),
            "ready": ready.tolist(),
            "reasons": [
                {"feature": bundle.feature_set.names[place], "points": float(phi[place] * per_unit)} for place in top
            ],
        }

    def _curve(self, row: Floats, log_odds: float) -> tuple[Floats, Floats]:
        cumulative = self._conversion.cumulative(row)
        edges = self._conversion.edges
        probability, bent = np.empty((1, len(self._horizons))), np.empty_like(cumulative)
        curve.bend(
            edges, cumulative, np.array([log_odds]), self._horizons, self._bundle.primary, probability, bent
        )  # fmt: skip
        ripening = bent
        if self._readiness is not None:
            union = np.union1d(edges, self._readiness.edges)
            ripening = np.empty((1, len(union)))
            curve.no_later_than(
                self._readiness.edges, self._readiness.cumulative(row), edges, bent, union, ripening
            )  # fmt: skip
            edges = union
        ready = np.empty((1, len(READY_LEVELS)))
        curve.quantiles(edges, ripening, np.array(READY_LEVELS), ready)
        return probability[0], ready[0]


def main(workspace: Path, port: int) -> None:
    app = Starlette(routes=[Route("/v1/score", Bare(Workspace(workspace)).score, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
