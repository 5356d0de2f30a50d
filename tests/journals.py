"""Journals of monitoring as a workspace holds them, made by hand: nobody has to train and watch for weeks."""

import json
from pathlib import Path
from typing import Any

from data.events import MICROS_PER_DAY, isoformat

HOSTILE = "<script>alert('x')</script>\"&{{ 7*7 }}"


def verdict(at: int, **sections: Any) -> dict[str, Any]:
    """One verdict at a moment (microseconds UTC), as today's monitor writes it; `sections` replace or add."""
    found = {
        "decision": "none",
        "causes": [],
        "as_of": isoformat(at),
        "champion": "old-model",
        "challenger": None,
        "promoted": False,
        "message": "Nothing calls for a new model.",
        "gate": None,
        "performance": {
            "promised": {"log_loss": 0.2, "auc": 0.84, "ece": 0.02},
            "horizon_days": 30,
            "since_model": outcomes(),
            "newest": outcomes(),
        },
        "drift": drift(),
    }
    return found | sections


def outcomes(auc: float = 0.83, ratio: float = 1.04, converted: int = 41) -> dict[str, Any]:
    """Figures on matured outcomes."""
    return {
        "pairs": 900, "leads": 300, "converted": converted, "observed": converted,
        "expected": round(converted / ratio, 2),
        "auc": {"value": auc, "low": auc - 0.04, "high": auc + 0.04},
        "observed_to_expected": {"value": ratio, "low": ratio - 0.2, "high": ratio + 0.2},
    }  # fmt: skip


def drift(psi: float = 0.05, events: int = 3, **more: Any) -> dict[str, Any]:
    """A comparison of inputs."""
    names = ("Pricing Page Viewed", "Quote Requested", "Email Opened", "Deal Won")
    return {
        "landmarks": 900, "enough": True, "compared": 900, "columns": 60, "drifted": 1,
        "score": {"name": "probability", "psi": psi, "limit": 0.25, "missing": 0.0, "before": 0.0, "moved": 1.2},
        "furthest": [],
        "events": [
            {"event": name, "per_week": 90.0 - 20 * place, "per_week_before": 88.0}
            for place, name in enumerate(names[:events])
        ],
    } | more  # fmt: skip


def conversions(now: int, count: int = 20, halved: int = 4) -> dict[str, Any]:
    """Weeks before a moment; in the last `halved` only half of what was expected came."""
    weeks = [
        {
            "week": isoformat(now - (count - number) * 7 * MICROS_PER_DAY)[:10],
            "expected": 10.0,
            "observed": (4 if number >= count - halved else 9) + number % 3,
            "low": 4.8,
            "high": 16.8,
        }
        for number in range(count)
    ]
    return {"weeks": weeks, "up": 0.4, "down": 5.1, "threshold_up": 4.0, "threshold_down": 4.0, "sources": []}


SCORE = {"kind": "score", "name": "probability", "acts": True, "psi": 0.31, "moved": 6.4}
WINS = {"kind": "conversions", "name": "all", "acts": True, "observed": 21, "expected": 40.2}
SILENT = {
    "kind": "event_silent", "name": "Quote Requested", "acts": True, "last": "2025-03-01T00:00:00Z", "missed": 12.4,
    "instead": ["Quote Asked"],
}  # fmt: skip


def story(now: int) -> list[dict[str, Any]]:
    """Half a year of weekly verdicts: quiet, a drift that had to wait, a new model, and wins that stay away."""
    week = 7 * MICROS_PER_DAY
    data = {"late": {"share": 0.01}, "quarantined": 2, "duplicates": 1, "bots": 0}
    found = []
    for number in range(26):
        at, psi = now - (25 - number) * week, 0.04 + 0.01 * (number % 4)
        if number < 12:
            found.append(verdict(at, drift=drift(psi)))
        elif number < 16:
            found.append(verdict(at, decision="hold", causes=[SCORE], drift=drift(0.31), message="Seen: scores. Wait."))
        elif number == 16:
            gate = {"pairs": 500, "leads": 200, "converted": 32, "difference": -0.01, "low": -0.03, "high": 0.005,
                    "ece": 0.0, "passed": True}  # fmt: skip
            found.append(
                verdict(
                    at, decision="retrain", causes=[SCORE], promoted=True, challenger="new-model", gate=gate,
                    drift=drift(0.33),
                )
            )  # fmt: skip
        else:
            found.append(verdict(at, champion="new-model", drift=drift(psi, 4)))
    found[-1] |= {
        "decision": "hold", "causes": [WINS, SILENT | {"acts": False}], "conversions": conversions(now), "data": data,
        "message": "Seen: fewer wins than expected. Too few outcomes are known to learn from.",
    }  # fmt: skip
    return found


def write_journal(reports: Path, verdicts: list[dict[str, Any]], *, rest: str = "", report: bool = True) -> None:
    """Lay a journal down as the monitor does, and something that stands for Evidently's report.

    rest : after the last line, such as a line that is being written
    """
    reports.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in verdicts)
    (reports / "monitor.log.jsonl").write_text(lines + rest, encoding="utf-8")
    if report:
        (reports / "drift.html").write_text(REPORT, encoding="utf-8")


REPORT = """<!doctype html><html lang="en"><head><title>report</title></head><body>
<main><h1 id="said">not run</h1></main>
<script>
let cookie = "refused"; try { cookie = document.cookie } catch (error) {}
let sent = "refused"; fetch("/v1/status").then(() => { sent = "answered" }).catch(() => {}).finally(() => {
  document.getElementById("said").textContent = [window.origin, cookie, sent].join(" ")
})
</script></body></html>
"""
