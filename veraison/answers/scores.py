"""Scores, and what surrounds them."""

from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from veraison.answers.base import AT, HAPPENED, LEAD, MODEL, Answer, Chance, Count, Points, StatusName, said


class EventEvidence(Answer):
    """An event behind a reason."""

    kind: str = said("What happened.", "Quote Requested")
    occurred_at: AwareDatetime = said("When it happened.", HAPPENED)
    event_id: str = said("The `messageId` of its message.", "m-1")
    text: str | None = said(
        "Of a return, why sales gave the lead back.", "came back on 12 Mar 2026: postponed", default=None
    )


class TraitEvidence(Answer):
    """A known trait behind a reason."""

    trait: str = said("Its name.", "employees")
    value: float | str | None = said("What is known of it.", 120.0)
    since: AwareDatetime = said("Since when it is so.", HAPPENED)


class Reason(Answer):
    """One part of a score, in points; positive raises it."""

    feature: str = said("The column that carries most of it, or `other_signals`: what is left over.", "since__quote")
    group: str = said("Key of the group of columns whose points these are.", "kind:Quote Requested")
    value: float | str | None = said("What is known of that column.", 0.95)
    points: float = said("By how much it moves the score.", 21.5)
    type: Literal["positive", "negative"] = said("The sign of the points.", "positive")
    text: str = said("The reason in words, in the language asked for.", "Quote Requested: 23 hours ago")
    about: str | None = said("The group in words; in answers about one lead only.", "Quote Requested", default=None)
    evidence: tuple[EventEvidence | TraitEvidence, ...] | None = Field(
        default=None, description="Up to three events, or the trait, behind it; in answers about one lead only."
    )


class Trend(Answer):
    """A score against that of the same lead seven days before, by the same model."""

    since: AwareDatetime = said("The earlier moment.", "2026-02-23T08:00:00Z")
    status: str = said("What the lead was then.", "scored")
    score: Points | None = said("Its score then.", 41.0)
    points: float | None = said("By how much the score has moved.", 21.5)
    changes: tuple[Reason, ...] = Field(description="Why: each with the points it has gained or lost since.")


class Missing(Answer):
    """Something that is not known of a lead."""

    trait: str | None = said("A trait of the playbook; null: the lead has not acted itself yet.", "industry")
    text: str = said("The same in words.", "industry: not known")


class Comparison(Answer):
    """What leads like it score that have just done something."""

    kind: str = said("What they have done.", "Demo Requested")
    points: float = said("By how much their score differs.", 12.0)
    text: str = said("The same in words.", "such leads that have just done Demo Requested: +12")


class MaturityWay(Answer):
    """One way in which a lead is mature."""

    way: Literal["act", "rule", "score"] = said("A revealing act, a rule over several acts, or the score.", "act")
    name: str | None = said("Of the act or rule; null for the score.", "Demo Requested")
    at: AwareDatetime | None = said("When it happened last; null for the score.", HAPPENED)
    text: str = said("The same in words.", "Demo Requested on Mar 1, 2026")


class Maturity(Answer):
    """Whether a lead is mature, by the playbook's `[maturity]`."""

    mature: bool = said("Whether any way says so, of a lead that is not off topic.", True)
    ways: tuple[MaturityWay, ...] = Field(
        description="In which it is mature: acts, rules, the score. Of a lead that is off topic, in which it would be."
    )
    off_topic: str | None = said("The rule that takes the lead out; null where none does.", None)
    text: str = said("The same in one sentence.", "Mature: Demo Requested on Mar 1, 2026.")


class Score(Answer):
    """One lead at one moment; `score == clip(base + sum of the reasons' points, 0, 100)`.

    The chance to convert within each horizon of the playbook is a member of its own, `p_7d`, `p_30d` and so on.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        json_schema_extra={
            "patternProperties": {
                r"^p_\d+d$": {
                    "type": "number", "minimum": 0, "maximum": 1, "examples": [0.12],
                    "description": "Chance to convert within so many days.",
                }
            }
        },
    )  # fmt: skip
    example_extras: ClassVar[dict[str, float]] = {"p_7d": 0.05, "p_30d": 0.12, "p_90d": 0.2}

    lead_id: str = said("The lead, as it was asked for.", LEAD)
    as_of: AwareDatetime = said("The moment of the score: what became known before it counts.", AT)
    status: StatusName | Literal["unknown"] = said("Whether it is scored, and why not where it is not.", "scored")
    score: Points | None = said("0 to 100: 50 is the typical lead, 10 points double the odds.", 62.5)
    grade: str | None = said("By the playbook's bounds.", "B")
    probability: Chance | None = said("Chance to convert within the primary horizon.", 0.12)
    probability_low: Chance | None = said("Lower bound of its 80 % interval.", 0.08)
    probability_high: Chance | None = said("Upper bound of its 80 % interval.", 0.17)
    ready_p10: float | None = said("Days until 10 % of such leads are ready, of those ready within the horizons.", 2.0)
    ready_p50: float | None = said("The same of 50 %.", 9.5)
    ready_p90: float | None = said("The same of 90 %.", 41.0)
    ready_at: AwareDatetime | None = said("Since when sales have accepted the lead; then `ready_*` are null.", None)
    base: float | None = said("The score before any reason.", 41.0)
    exploration: bool | None = said(
        "Whether chance, not its score, hands the lead over to sales this week; absent where the playbook explores "
        "nothing.",
        False,
        default=None,
    )
    exploration_text: str | None = said(
        "The same in words, where it does.", "Chosen at random, not for its score.", default=None
    )
    propensity: Chance | None = said("The chance with which the lead was to be handed over.", 1.0, default=None)
    maturity: Maturity | None = Field(
        default=None,
        description="Whether it is mature, and by what; absent where the playbook has no `[maturity]`, and of leads "
        "that are closed.",
    )
    trend: Trend | None = Field(default=None, description="How the score has moved in seven days, where asked for.")
    reasons: tuple[Reason, ...] = Field(description="The weightiest reasons, and what is left over as one more.")
    missing: tuple[Missing, ...] | None = Field(
        default=None, description="What is not known; in answers about one lead only."
    )
    comparisons: tuple[Comparison, ...] | None = Field(
        default=None, description="What leads like it score that have just acted; in answers about one lead only."
    )
    model_version: str = said("The bundle that answered.", MODEL)

    @property
    def probabilities(self) -> dict[int, float]:
        """The chance to convert within each horizon, by its days."""
        extras = (self.model_extra or {}).items()
        return {int(name[2:-1]): value for name, value in extras if _is_horizon(name)}


def _is_horizon(name: str) -> bool:
    return name.startswith("p_") and name.endswith("d") and name[2:-1].isdecimal()


class Scores(Answer):
    """Scores, in the order asked."""

    as_of: AwareDatetime = said("The moment of all of them.", AT)
    model_version: str = said("The bundle that answered.", MODEL)
    scores: tuple[Score, ...] = Field(description="One item for each lead asked for.")


class ListedScore(Score):
    """A score as a list has it."""

    last_activity: AwareDatetime = said("When the newest known event happened.", HAPPENED)
    may_contact: bool | None = said(
        "Whether it may be contacted; absent where the playbook asks for no consent.", True, default=None
    )


class LeadsPage(Answer):
    """One page of a list."""

    as_of: AwareDatetime = said("The moment of all pages of this list.", AT)
    model_version: str = said("The bundle that answered.", MODEL)
    sort: str = said("The order.", "score")
    leads_in_all: Count = said("All leads that the key may see, whatever their status.", 250)
    counts: dict[str, Count] = said("How many of them have each status.", {"scored": 180, "converted": 70})
    next: str | None = said("Cursor of the page after; null on the last.", None)
    leads: tuple[ListedScore, ...] = Field(description="The leads of this page.")


class KnownTrait(Answer):
    """A trait of a lead."""

    value: float | bool | str | None = said("As it was sent.", "retail")
    since: AwareDatetime = said("Since when it is so.", HAPPENED)


class TimelineEvent(Answer):
    """An event of a lead."""

    event_id: str = said("The `messageId` of its message.", "m-1")
    kind: str = said("What happened.", "Quote Requested")
    occurred_at: AwareDatetime = said("When it happened.", HAPPENED)
    known_at: AwareDatetime = said("When it could be known.", HAPPENED)
    properties: dict[str, Any] = said("What the sender said of it.", {"value": 3}, default_factory=dict)
    traits: dict[str, Any] = said("What it taught of the lead.", {"industry": "retail"}, default_factory=dict)


class InFamily(Answer):
    """What is done with an open lead."""

    name: str = said("The family, as the playbook calls it.", "nurture")
    title: str = said("The same in words.", "nurture")
    next: str = said("What to do with it.", "Send what fits its interests, and wait for an act of its own.")
    untouched_since: AwareDatetime = said("When it, or sales, last did something.", HAPPENED)
    untouched: bool = said("Whether that is longer ago than its family allows.", False)


class AskNext(Answer):
    """The field most worth asking for."""

    trait: str = said("A trait that is not known.", "employees")
    points: float = said("Typical distance by which the score moves once it is known.", 9.2)
    low: float = said("The furthest that an answer moves it down, or the least that it moves it up.", -12.0)
    high: float = said("The furthest that an answer moves it up.", 14.5)


class AfterSale(Answer):
    """How likely a customer buys again, by the model of the journey after the sale."""

    status: StatusName = said("Whether it is scored in that journey, and why not where it is not.", "scored")
    score: Points | None = said("0 to 100: 50 is the typical customer.", 57.0)
    probability: Chance | None = said("Chance to buy again within so many days.", 0.2)
    days: Count = said("The days.", 90)
    model_version: str = said("The bundle that answered.", MODEL)


class Lead(Score):
    """One lead in detail."""

    family: InFamily | None = Field(default=None, description="Where it is among the families; absent unless open.")
    ask_next: AskNext | None = Field(default=None, description="What to ask it next; absent where nothing is worth it.")
    may_contact: bool | None = said(
        "Whether it may be contacted; absent where the playbook asks for no consent.", True, default=None
    )
    after_sale: AfterSale | None = Field(
        default=None, description="Of a lead that was won, where a model of customers serves; else absent."
    )

    merged_into: str | None = said("The id under which it goes on.", None)
    traits: dict[str, KnownTrait] = said("What is known of it.", {"industry": {"value": "retail", "since": HAPPENED}})
    timeline: tuple[TimelineEvent, ...] = Field(description="Its newest 200 visible events, newest first.")


class ToQualify(Answer):
    """A lead to call to qualify."""

    lead_id: str = said("The lead.", LEAD)
    as_of: AwareDatetime = said("The moment of its score.", AT)
    score: Points = said("Its score.", 47.3)
    probability: Chance = said("Chance to convert within the primary horizon.", 0.1)
    ask: str = said("The trait to ask it for.", "employees")
    chance: Chance = said("That the answer takes it onto the list, or off it.", 0.33)
    points: float = said("Typical distance by which its score moves then.", 6.1)
    worth: float = said("Chance x probability x expected amount; x 1 where no amount is known.", 200.0)
    listed: bool = said("Whether it is on the list now.", False)


class Qualify(Answer):
    """Whom to call to qualify."""

    as_of: AwareDatetime = said("The moment of all of them.", AT)
    model_version: str = said("The bundle that answered.", MODEL)
    leads: tuple[ToQualify, ...] = Field(description="The one worth most first.")


class CardLink(Answer):
    """A signed link to the card of a lead."""

    lead_id: str = said("The lead.", LEAD)
    url: str = said(
        "The address, for a frame; whoever has it sees the card.", "https://leads.example/leads/L42/card?token=WyJ"
    )
    until: AwareDatetime = said("When it ends.", "2026-04-01T08:00:00Z")
