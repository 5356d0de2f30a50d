"""What the service says of a customer: the chance to buy again, where a model of customers serves, and else nothing."""

from pathlib import Path

import pytest

from data.after_sale import view
from data.events import MICROS_PER_DAY
from data.store import Store
from serving.after_sale import Customers
from serving.models import ModelHolder
from serving.scorer import score
from serving.translations import Words
from tests import market, repeats
from tests.histories import at, playbook
from tests.reading import BROWSER, Text
from tests.service import Door, Market, door, publish
from tests.training.test_after_sale import learned
from veraison.answers.scores import Lead
from veraison.settings import Workspace

NOW = at(repeats.DAYS) - 60 * MICROS_PER_DAY


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    """Any model of the first journey, and the model of customers."""
    workspace = Workspace(tmp_path_factory.mktemp("customers"))
    with Store(workspace.store_url) as store:
        store.append(repeats.events())
    publish(workspace, market.bundle())
    publish(workspace.customers, learned()[3])
    with door(Market(workspace, repeats.BOOK, market.bundle(), NOW)) as opened:
        yield opened


def of(status: str, service: Door) -> list[str]:
    return [one["lead_id"] for one in service.get(f"/v1/leads?status={status}&limit=300").json()["leads"]]


def test_a_lead_that_was_won_has_the_chance_to_buy_again(service: Door):
    bundle, said = learned()[3], set()
    words = Words("fr")
    for lead_id in of("converted", service)[:40]:
        answer = service.get(f"/v1/leads/{lead_id}").json()
        found = Lead.model_validate(answer).after_sale
        assert found is not None
        assert (found.model_version, found.days) == (bundle.version, 60)
        assert (found.status == "scored") == (found.probability is not None)
        said.add(found.status)
        text = " ".join(Text(service.client.get(f"/leads/{lead_id}?lang=fr", headers=BROWSER).text).text)
        if found.probability is not None:
            assert 0 < found.probability < 1
            assert words.percent(found.probability) in text
        assert ("Rachète" in text) == (found.probability is not None)
    assert said == {"scored", "converted", "lost"}


def test_of_other_leads_nothing_is_said(service: Door):
    for status in ("scored", "lost"):
        for lead_id in of(status, service)[:3]:
            assert "after_sale" not in service.get(f"/v1/leads/{lead_id}").json()


def test_it_is_what_the_command_says(service: Door):
    log = view(service.log(), repeats.BOOK)
    leads = of("converted", service)[:10]
    wanted = score(learned()[3], log, leads, [NOW] * len(leads)).rows()
    for one in wanted:
        found = service.get(f"/v1/leads/{one.lead_id}").json()["after_sale"]
        assert (found["status"], found["score"], found["probability"]) == (one.status, one.score, one.probability)


def test_without_a_model_or_the_journey_or_by_other_definitions_nothing_is_said(service: Door, tmp_path: Path):
    [lead] = of("converted", service)[:1]
    log = service.log()
    here = ModelHolder(service.market.workspace.customers)
    assert Customers(here, repeats.BOOK).of(log, lead, NOW) is not None
    assert Customers(ModelHolder(Workspace(tmp_path)), repeats.BOOK).of(log, lead, NOW) is None
    assert Customers(here, playbook()).of(log, lead, NOW) is None
    other = repeats.BOOK.model_copy(update={"after_sale": playbook(after_sale={"converted": ["Visited"]}).after_sale})
    assert Customers(here, other).of(log, lead, NOW) is None
