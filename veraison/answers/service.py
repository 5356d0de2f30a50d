"""What serves."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from veraison.answers.base import HAPPENED, MODEL, Answer, Count, said


class ServingModel(Answer):
    """The bundle that serves."""

    version: str = said("Its name.", MODEL)
    trained_as_of: datetime | None = said("The moment before which all that it learned from was known.", HAPPENED)
    feature_set: str = said("Fingerprint of its columns.", "9a41c0de")
    horizons_days: tuple[int, ...] = said("The horizons.", [7, 30, 90])
    primary_days: int = said("The one that `probability` speaks of.", 30)


class BrokenModel(Answer):
    """A promoted bundle that could not be loaded; the one before goes on."""

    version: str = said("Its name, empty where it has none.", "20260302T0000-77aa")
    problem: str = said("What is wrong with it.", "bundle.json cannot be read")


class Status(Answer):
    """What serves, and what it stands on."""

    veraison: str = said("Version of the service.", "0.1.0")
    ready: bool = said("Whether there is a model to score with.", True)
    model: ServingModel | None = Field(description="The bundle that serves; null where there is none.")
    broken_model: BrokenModel | None = said("A newer one that is broken.", None)
    store: dict[str, Count] = said("Rows of each table.", {"events": 4200, "traits": 900, "quarantine": 3})
    newest_event: AwareDatetime | None = said("The newest `known_at`.", HAPPENED)
