"""What is measured of all leads."""

from typing import Any

from pydantic import AwareDatetime, Field

from veraison.answers.base import AT, Answer, said


class ReportLine(Answer):
    """One report of the list."""

    name: str = said("What it is asked for by.", "journey")
    as_of: AwareDatetime | None = said(
        "The moment it is of; null where nobody has measured it, or it cannot be read.", AT
    )
    command: str = said("What measures it.", "veraison report journey")


class Reports(Answer):
    """What is measured of all leads."""

    reports: tuple[ReportLine, ...] = Field(description="Every report there can be.")


class WholeReport(ReportLine):
    """One report as it was measured."""

    as_of: AwareDatetime = said("The moment it is of.", AT)
    report: dict[str, Any] = said(
        "All of it, as the file in the workspace's folder of reports has it; what it cannot say is null.",
        {"as_of": AT, "days": 90, "leads": 1840},
    )
