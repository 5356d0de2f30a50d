"""A report of maturity as `veraison report maturity` leaves it, with something in every part of it."""

from typing import Any

from data.journey_report import Share
from data.maturity_report import Aside, Handed, Kind, MaturityReport, Overlap

WEEKS = ("2026-03-02", "2026-03-09", "2026-03-16")


def handed(kind: Kind, leads: int = 90, bought: int = 12, name: str = "", **more: Any) -> Handed:
    """What one way would have handed over; `more` replaces what is usual."""
    share = Share(share=bought / leads, low=bought / leads / 2, high=bought / leads + 0.05) if leads else None
    usual: dict[str, Any] = {
        "won": bought + 3, "lost": 9, "opted_out": 1, "open": leads - bought - 13, "accepted": 30, "seen": leads,
        "share": share, "median_days": 8.4, "missed": 41, "too_late": 17, "weeks": (30, 40, leads - 70),
    }  # fmt: skip
    return Handed(kind=kind, name=name, leads=leads, bought=bought, **(usual | more))


REPORT = MaturityReport(
    as_of="2026-03-20T08:00:00Z",
    days=30,
    since="2026-02-01T00:00:00Z",
    leads=1_234,
    won=56,
    model="2026-01-30-abc",
    twin=True,
    ways=(
        handed("act", name="Demo Requested"),
        handed("rule", 80, 8, name="prices twice"),
        handed("rule", 19, 3, name="guide and webinar", share=Share(share=0.15, low=0.1, high=0.3)),
        handed("signs", 150, 18),
        handed("score", 700, 50, bound=50.0),
        handed("as_many", 150, 30, bound=67.2),
        handed("all", 760, 55),
    ),
    overlap=(Overlap(by="both", leads=130, won=20, seen=120, bought=17, share=Share(share=0.14, low=0.1, high=0.2)),),
    weeks=WEEKS,
    off_topic=(Aside(name="students", leads=97, accepted=12, won=7),),
    notes=("maturity.acts: no event 'Quote Requested' has occurred so far",),
)
