"""What the HTTP API answers, as frozen records: the service documents its answers by them, the client reads into them.

Every field has a sentence and an example. Members that a newer service adds are ignored, so an older client goes on.
"""

from veraison.answers.base import Answer, Chance, Count, Points, ProblemDocument, StatusName, Traits
from veraison.answers.events import FeedbackTaken, HookTaken, Refused, Taken
from veraison.answers.monitoring import Cause, Monitoring, Verdict
from veraison.answers.outcomes import BandOutcome, HowGood, ModelRecord, Outcome, Record
from veraison.answers.reports import ReportLine, Reports, WholeReport
from veraison.answers.rights import Erased, Export, IdentityKey, Merge
from veraison.answers.routes import RoutedLead, Routes
from veraison.answers.scores import (
    AskNext,
    CardLink,
    Comparison,
    EventEvidence,
    InFamily,
    KnownTrait,
    Lead,
    LeadsPage,
    ListedScore,
    Maturity,
    MaturityWay,
    Missing,
    Qualify,
    Reason,
    Score,
    Scores,
    TimelineEvent,
    ToQualify,
    TraitEvidence,
    Trend,
)
from veraison.answers.service import BrokenModel, ServingModel, Status

__all__ = [
    "Answer",
    "AskNext",
    "BandOutcome",
    "BrokenModel",
    "CardLink",
    "Cause",
    "Chance",
    "Comparison",
    "Count",
    "Erased",
    "EventEvidence",
    "Export",
    "FeedbackTaken",
    "HookTaken",
    "HowGood",
    "IdentityKey",
    "InFamily",
    "KnownTrait",
    "Lead",
    "LeadsPage",
    "ListedScore",
    "Maturity",
    "MaturityWay",
    "Merge",
    "Missing",
    "ModelRecord",
    "Monitoring",
    "Outcome",
    "Points",
    "ProblemDocument",
    "Qualify",
    "Reason",
    "Record",
    "Refused",
    "ReportLine",
    "Reports",
    "RoutedLead",
    "Routes",
    "Score",
    "Scores",
    "ServingModel",
    "Status",
    "StatusName",
    "Taken",
    "TimelineEvent",
    "ToQualify",
    "TraitEvidence",
    "Traits",
    "Trend",
    "Verdict",
    "WholeReport",
]
