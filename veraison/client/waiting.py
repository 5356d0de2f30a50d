"""The client that waits for its answers."""

import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import httpx

from veraison import answers
from veraison.client import calls
from veraison.client.calls import Call, Finding, How, RoutesHow, Wanted
from veraison.client.doors import Door
from veraison.client.messages import Message, Said, message
from veraison.client.retry import Retry

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


class Client:
    """A service, asked one call after another.

    url       : of the service; ``VERAISON_URL`` where it is not given, else this machine's port 3000
    key       : of ``veraison keys create``; ``VERAISON_KEY`` where it is not given
    timeout   : seconds for an answer, and for a connection
    retry     : how often a call is made again
    transport : instead of the network, for tests

    Every call raises `veraison.client.ClientError` where it fails, ValueError or TypeError for what cannot be asked.

    >>> with Client("http://127.0.0.1:3000", key="ver_secret") as client:
    ...     client
    Client('http://127.0.0.1:3000')
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._door = Door.of(url, key, retry)
        self._http = httpx.Client(
            base_url=self._door.url, auth=self._door.auth, headers=self._door.headers, timeout=timeout,
            transport=transport,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Client({self._door.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    # --- events in

    def track(self, event: str, properties: dict[str, Any] | None = None, **said: Unpack[Said]) -> answers.Taken:
        """Tell that a lead did something."""
        return self._do(calls.one(message("track", said, event=event, properties=properties)))

    def identify(self, traits: dict[str, Any] | None = None, **said: Unpack[Said]) -> answers.Taken:
        """Tell what is known of a lead; with both ids, that the visitor is this lead."""
        return self._do(calls.one(message("identify", said, traits=traits)))

    def page(self, name: str = "", properties: dict[str, Any] | None = None, **said: Unpack[Said]) -> answers.Taken:
        """Tell that a lead looked at a page."""
        return self._do(calls.one(message("page", said, name=name or None, properties=properties)))

    def screen(self, name: str = "", properties: dict[str, Any] | None = None, **said: Unpack[Said]) -> answers.Taken:
        """Tell that a lead looked at a screen of an app."""
        return self._do(calls.one(message("screen", said, name=name or None, properties=properties)))

    def group(self, group_id: str, traits: dict[str, Any] | None = None, **said: Unpack[Said]) -> answers.Taken:
        """Tell of which company a lead is."""
        return self._do(calls.one(message("group", said, groupId=group_id, traits=traits)))

    def alias(self, previous_id: str, **said: Unpack[Said]) -> answers.Taken:
        """Tell that an id goes on as ``user_id``."""
        return self._do(calls.one(message("alias", said, previousId=previous_id)))

    def batch(self, messages: Iterable[Message]) -> answers.Taken:
        """Send messages of the Segment spec, as many batches as it takes, packed.

        Where it fails in between, what was sent before is stored. Sending all of it again is safe where each message
        has a ``messageId`` of its own; one that has none gets one here, a new one in each call.
        """
        return calls.together([(place, self._do(call)) for place, call in calls.batches(messages)])

    def hook(self, mapping: str, said: Any) -> answers.HookTaken:
        """Send what another system posts, to be read by a mapping."""
        return self._do(calls.hook(mapping, said))

    def feedback(self, lead_id: str, **said: Unpack[Finding]) -> answers.FeedbackTaken:
        """Tell that sales have accepted a lead, or why they send it back."""
        return self._do(calls.feedback(lead_id, said))

    # --- scores out

    def score(self, lead_ids: Sequence[str], **how: Unpack[How]) -> list[answers.Score]:
        """Scores of leads by id, in the order asked, however many."""
        return [score for call in calls.scores(lead_ids, how) for score in self._do(call).scores]

    def score_events(
        self, events: Iterable[Message], lead_ids: Sequence[str] | None = None, **how: Unpack[How]
    ) -> list[answers.Score]:
        """Scores of the people in some events, from these alone; nothing is stored."""
        return list(self._do(calls.score_events(events, lead_ids, how)).scores)

    def score_table(self, lead_ids: Sequence[str], **how: Unpack[How]) -> "pa.Table":
        """The same as a table of Arrow, with the columns of ``veraison score``; ``.to_pandas()`` makes a frame."""
        from veraison.client.tables import joined  # noqa: PLC0415 (pyarrow is for who asks for tables)

        return joined([self._do(call) for call in calls.score_tables(lead_ids, how)])

    def leads(self, *, page_size: int = 200, **wanted: Unpack[Wanted]) -> Iterator[answers.ListedScore]:
        """The leads of a list, page after page; all pages are of one moment.

        Raises ConflictError where another model serves before the end: begin again.
        """
        cursor: str | None = None
        while True:
            page = self._do(calls.leads(wanted, page_size, cursor))
            yield from page.leads
            if (cursor := page.next) is None:
                return

    def leads_page(self, *, limit: int = 50, cursor: str | None = None, **wanted: Unpack[Wanted]) -> answers.LeadsPage:
        """One page of a list, with counts of everyone and the cursor of the page after."""
        return self._do(calls.leads(wanted, limit, cursor))

    def leads_table(self, *, page_size: int = 1_000, **wanted: Unpack[Wanted]) -> "pa.Table":
        """A whole list as a table of Arrow."""
        from veraison.client.tables import joined  # noqa: PLC0415 (pyarrow is for who asks for tables)

        parts, cursor = [], None
        while True:
            part, cursor = self._do(calls.lead_tables(wanted, page_size, cursor))
            parts.append(part)
            if cursor is None:
                return joined(parts)

    def lead(self, lead_id: str, **how: Unpack[How]) -> answers.Lead:
        """One lead in detail: its score, what is known of it, and its events."""
        return self._do(calls.lead(lead_id, how))

    def qualify(self, *, limit: int = 20) -> answers.Qualify:
        """The leads of which one answer would change most what is done with them, the one worth most first."""
        return self._do(calls.qualify(limit))

    def card_link(self, lead_id: str, *, days: int = 30, seller: str | None = None) -> answers.CardLink:
        """A signed link to the card of a lead, for a frame in a CRM; whoever has it sees the card, until it ends."""
        return self._do(calls.card_link(lead_id, days, seller))

    def record(self, model_version: str | None = None) -> answers.HowGood:
        """What became of the leads that were scored, by bands of ten points; of one model, or of all."""
        return self._do(calls.record(model_version))

    def monitoring(self, *, limit: int = 20, before: int | None = None) -> answers.Monitoring:
        """What `veraison monitor` has decided, the newest first; `before` is the `next` of the page before."""
        return self._do(calls.monitoring(limit, before))

    def routes(self, **how: Unpack[RoutesHow]) -> answers.Routes:
        """Where the leads on the list go, and why; `NotFoundError` where the playbook has no routes."""
        return self._do(calls.routes(how))

    def reports(self) -> answers.Reports:
        """What is measured of all leads, and of which moment each report is."""
        return self._do(calls.reports())

    def report(self, name: str) -> answers.WholeReport:
        """One report as it was measured, such as `journey`."""
        return self._do(calls.report(name))

    # --- a person's rights, and the service

    def export(self, lead_id: str) -> answers.Export:
        """Everything held of a person."""
        return self._do(calls.export(lead_id))

    def erase(self, lead_id: str) -> answers.Erased:
        """Erase a person for good. Where the connection breaks, ask again: NotFoundError then says that it was done."""
        return self._do(calls.erase(lead_id))

    def status(self) -> answers.Status:
        """What serves, and what it stands on."""
        return self._do(calls.status())

    def _do(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            wait: float | None
            try:
                answer = self._http.request(**self._door.request(call))
            except httpx.TransportError as error:
                wait = self._door.after_failure(call, attempt, error)
            else:
                if answer.is_success:
                    return call.read(answer)
                wait = self._door.after_answer(call, attempt, answer)
            time.sleep(wait)
