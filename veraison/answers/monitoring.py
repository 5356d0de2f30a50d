"""Whether the model still fits."""

from typing import Any

from pydantic import AwareDatetime, Field

from veraison.answers.base import AT, MODEL, Answer, Count, said

Numbers = dict[str, Any] | None


class Cause(Answer):
    """One thing that was seen; what was measured stands beside these members."""

    kind: str = said("What kind of thing it is, such as `event_silent`, `score`, `conversions`.", "score")
    name: str = said("Of what: an event, a source, a column.", "probability")
    acts: bool = said("Whether the policy acts on it; else it is reported only.", True)


class Verdict(Answer):
    """What one run of `veraison monitor` decided."""

    number: Count = said("Its line in the journal, from 1.", 12)
    decision: str = said("`none`, `hold`, `recalibrate` or `retrain`.", "hold")
    reason_code: str | None = said(
        "Why, of the list in `docs/monitoring.md`; null in verdicts of older versions.", "quiet_period"
    )
    causes: tuple[Cause, ...] = Field(description="What was seen.")
    as_of: AwareDatetime = said("The moment it stood at.", AT)
    champion: str = said("The model that served when the run began.", MODEL)
    champion_run: str | None = said("Where an MLflow server shows how it was made.", "/experiments/1/runs/0a1b2c")
    challenger: str | None = said("The model that was trained against it; null where none was.", None)
    promoted: bool = said("Whether the challenger took its place.", False)
    action: str | None = said(
        "What was done with a model: `promoted`, `waits` (it scores beside the one that serves), `asks` (a person must "
        "promote it) or `rolled_back` (the model before took its place again).",
        None,
    )
    message: str = said("All of it in a few sentences, in English.", "Seen: the scores have drifted.")
    gate: Numbers = said("Champion against challenger; null where none was trained.", None)
    performance: Numbers = said("Figures on outcomes that have matured, and what was promised.", {"horizon_days": 30})
    drift: Numbers = said("What was compared, and what is furthest from training.", {"columns": 60, "drifted": 1})
    conversions: Numbers = said("Observed against expected conversions, week by week.", None)
    estimate: Numbers = said("Performance estimated before outcomes mature.", None)
    selection: Numbers = said("Outcomes of served scores, by whether sales worked the lead.", None)
    data: Numbers = said("Late, quarantined, doubled and machine-made events, beside what is usual.", None)


class Monitoring(Answer):
    """What monitoring has found and decided."""

    newest: Verdict | None = Field(description="The newest verdict; null where nobody has looked.")
    verdicts: tuple[Verdict, ...] = Field(description="Lines of the journal, the newest first.")
    next: Count | None = said("`before` of the page after; null on the last one.", None)
    unreadable: Count = said("Lines of the journal that cannot be read.", 0)
