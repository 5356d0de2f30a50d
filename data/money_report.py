"""What there is to say of sources and money (`data.reports`); whoever measures it is `monitoring.money`."""

from typing import ClassVar, Literal

from data.reports import Part, Report

ENOUGH = 20
"""Sales after the model's training below which it is also asked about sales that it has learned from."""


class Counts(Part):
    """What became of a group of leads, a person once, by the month in which the lead began.

    leads   : whose journey began, or that were won without
    ready   : of these, accepted by sales or won; null where the playbook names no acceptance
    won     : of these, won
    revenue : amounts of their first sales; null where no sale has an amount
    priced  : sales that have an amount
    """

    leads: int
    ready: int | None
    won: int
    revenue: float | None
    priced: int


class Amounts(Counts):
    """What a group of leads cost and brought.

    cost    : of the days before the moment of the report; null where none was imported
    against : of the leads that began in a month for which their source has a cost: what the cost is held against; null
              as `cost`
    """

    cost: float | None
    against: Counts | None

    @property
    def cost_per_lead(self) -> float | None:
        """Null where nothing is known of costs, or there is no lead."""
        return _each(self.cost, None if self.against is None else self.against.leads)

    @property
    def cost_per_ready(self) -> float | None:
        """Null where nothing is known of costs, or no lead became ready."""
        return _each(self.cost, None if self.against is None else self.against.ready)

    @property
    def cost_per_won(self) -> float | None:
        """Null where nothing is known of costs, or nobody was won."""
        return _each(self.cost, None if self.against is None else self.against.won)

    @property
    def multiple(self) -> float | None:
        """Revenue for each unit of cost; null where one of them is not known, or nothing was paid."""
        return _each(None if self.against is None else self.against.revenue, self.cost)


def _each(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


class Expected(Part):
    """What the open leads are expected to bring within the days of the report, from the champion.

    leads     : open leads that have a probability
    priced    : of these, those with an amount of their own; the others count at the average amount of a sale
    sales     : sum of the probabilities
    revenue   : sum of probability x amount; null where no amount is known at all
    low, high : 10 % and 90 % point of what chance alone makes of it, were the probabilities and amounts right and the
                leads independent of each other; null as `revenue`
    """

    leads: int
    priced: int
    sales: float
    revenue: float | None
    low: float | None
    high: float | None


class Source(Part):
    """A source, null for leads of which none is known, "…" for all beyond those shown."""

    name: str | None
    amounts: Amounts
    expected: Expected | None


class Month(Part):
    """A month (``2026-03``) as a whole, and by source in the order of the report."""

    name: str
    amounts: Amounts
    sources: tuple[Amounts, ...]


class Credit(Part):
    """What a channel (null: no touch) contributed by one way of counting: sales, and their amounts."""

    channel: str | None
    sales: float
    revenue: float


class Method(Part):
    """One way of counting. The credits add up to all sales and amounts counted."""

    name: Literal["first", "last", "linear", "model"]
    credits: tuple[Credit, ...]


class Contribution(Part):
    """What touches contributed to sales.

    sales, priced, revenue : that are counted, those with an amount, and their amounts
    methods   : in the order of `channels`, null last
    seen      : for the model: sales among them that it may have learned from; null for the others
    sampled   : for the model: sales with so many channels that their orders were drawn
    mean_without, mean_with : for the model: the mean probability just before the sale without any touch, and as it was
    """

    sales: int
    priced: int
    revenue: float
    methods: tuple[Method, ...]
    seen: int | None = None
    sampled: int = 0
    mean_without: float | None = None
    mean_with: float | None = None


class MoneyReport(Report):
    """Sources and money as known at a moment.

    currency    : of all amounts
    days        : horizon of the expected revenue; primary: of the probability that touches are asked about
    since       : the first month with leads or costs, null where there are none
    sources     : most leads first, the unknown last
    whole       : all sources together
    expected    : of all open leads; null without a model, or where nobody is open
    version     : of the model that was asked, null where there is none
    amounts_of  : "own" where amounts come from [routing], "mean" where all are the average of past sales, null without
    window_days : within which touches count before a sale
    grouped     : whether channels were named by the playbook
    channels    : by name, most widespread first
    by_rule     : first, last and linear, of all sales; null where nothing was sold
    by_model    : null without a model, or a sale that it can be asked about
    notes       : what the playbook names and nobody sent
    """

    FILE: ClassVar[str] = "money.json"
    COMMAND: ClassVar[str] = "veraison report money"

    currency: str
    days: int
    primary: int
    since: str | None
    sources: tuple[Source, ...]
    whole: Amounts
    months: tuple[Month, ...] = ()
    expected: Expected | None = None
    version: str | None = None
    amounts_of: Literal["own", "mean"] | None = None
    window_days: int
    grouped: bool
    channels: tuple[str, ...] = ()
    by_rule: Contribution | None = None
    by_model: Contribution | None = None
    notes: tuple[str, ...] = ()
