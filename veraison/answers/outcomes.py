"""How good the scores were."""

from pydantic import AwareDatetime, Field

from veraison.answers.base import AT, MODEL, Answer, Chance, Count, Points, said


class Counted(Answer):
    """How many of some leads were won."""

    leads: Count = said("How many, a person once.", 100)
    won: Count = said("How many of them were won within the horizon.", 34)
    share: Chance | None = said("The same as a share; null where there are no leads.", 0.34)
    share_low: Chance | None = said("Lower bound of its 95 % interval.", 0.255)
    share_high: Chance | None = said("Upper bound of its 95 % interval.", 0.437)
    predicted: Chance | None = said("The share that was predicted.", 0.31)
    enough: bool = said("Whether there are leads enough to go by.", True)


class Outcome(Counted):
    """What became of some scored leads: all of them, and by what was done with them. Null where that is not known."""

    worked: Counted | None = Field(default=None, description="Those that sales worked around the score.")
    not_worked: Counted | None = Field(default=None, description="The others.")
    explored: Counted | None = Field(default=None, description="Of those below the list, whom chance handed over.")
    not_drawn: Counted | None = Field(default=None, description="Of those below the list, whom chance passed over.")


class BandOutcome(Outcome):
    """What became of the leads whose score lay between two bounds."""

    score_from: Points = said("The lower bound, which belongs to it.", 70.0)
    score_to: Points = said("The upper bound, which does not, but of the last band.", 80.0)


class Record(Outcome):
    """What became of scored leads, all together and in bands of ten points."""

    horizon_days: int = said("Days within which a win counts.", 30)
    since: AwareDatetime | None = said("The oldest score that counts.", "2026-01-05T08:00:00Z")
    until: AwareDatetime | None = said("The newest score that counts.", "2026-01-30T08:00:00Z")
    bands: tuple[BandOutcome, ...] = Field(description="From the lowest scores to the highest.")


class ModelRecord(Record):
    """The record of one model."""

    model_version: str = said("The bundle that answered.", MODEL)


class HowGood(Answer):
    """What became of the leads that were scored."""

    as_of: AwareDatetime = said("The moment of the count, the last full hour.", AT)
    rule: str = said("Which score counts, in words.", "of each person the first served score in each band")
    model_version: str | None = said("The one model that was asked for.", None)
    served: Record = Field(description="Of the scores as they were served.")
    versions: tuple[ModelRecord, ...] = Field(description="The same of each model by itself, the newest first.")
    waiting: Count = said("Leads with a score whose time is not over yet.", 171)
    replayed: Count = said("Scores asked for more than a day after their moment; they do not count.", 0)
    test: Record | None = Field(description="Of the test when the model was made; null where there was none.")
