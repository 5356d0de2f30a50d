"""The contract in the playbook: what it is by default, what follows from it, and a line for each mistake."""

import doctest
from pathlib import Path

import pytest

from serving.feedback import REASONS as OFFERED
from veraison import playbook_contract
from veraison.errors import PlaybookError
from veraison.playbook import Playbook
from veraison.playbook_contract import REASONS, Contract
from veraison.playbook_file import load_playbook
from veraison.playbook_routes import Routing

LEAST = '[journey]\nconverted = ["Deal Won"]\n'


def test_without_one_there_is_none_and_a_model_knows_nothing_of_it():
    plain = Playbook.model_validate({"journey": {"converted": ["Deal Won"]}})
    assert plain.contract is None
    signed = Playbook.model_validate({"journey": {"converted": ["Deal Won"]}, "contract": {"sellers": 6}})
    assert signed.contract == Contract(sellers=6)
    assert signed.contract is not None
    assert signed.contract.capacity(signed.routing) == 60
    assert signed.fingerprint == plain.fingerprint


def test_the_sellers_are_those_of_the_teams_unless_it_says_how_many():
    routing = Routing(teams={"a": ("Eva", "Amira"), "b": ("Eva",)})
    assert (Contract().capacity(routing), Contract(sellers=5).capacity(routing)) == (20, 50)


def test_reasons_are_by_default_those_that_the_pages_offer():
    assert REASONS == OFFERED


def test_only_what_the_bound_is_computed_from_changes_the_terms():
    routing = Playbook.model_validate({"journey": {"converted": ["Won"]}}).routing
    one = Contract(sellers=3)
    assert one.terms(routing, 30) == Contract(sellers=3, contact_hours=4, report=("x",)).terms(routing, 30)
    assert Contract(sellers=6, leads_per_week=5).terms(routing, 30) == one.terms(routing, 30)  # thirty leads either way
    others = [Contract(sellers=4), Contract(sellers=3, precision=0.3), Contract(sellers=3, of="ready")]
    assert len({one.terms(routing, 30), one.terms(routing, 90), *(other.terms(routing, 30) for other in others)}) == 5


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("[contract]\nsellers = 6\nleads_per_week = 0", "contract.leads_per_week: "),
        ("[contract]", "contract.sellers: nobody takes leads; say how many sellers there are, or name them in "),
        ("[contract]\nsellers = 6\nprecision = 1.0", "contract.precision: "),
        ("[contract]\nsellers = 6\nprecision = 0", "contract.precision: "),
        ("[contract]\nsellers = 6\nin_time = 1.5", "contract.in_time: "),
        ("[contract]\nsellers = 6\nreturn_reasons = []", 'needs at least one reason, such as "postponed"'),
        ('[contract]\nsellers = 6\nreturn_reasons = ["a", "a"]', "contract.return_reasons: names 'a' twice"),
        ('[contract]\nsellers = 6\nreport = ["a", "a"]', "contract.report: names 'a' twice"),
        ('[contract]\nsellers = 6\nof = "ready"', "contract.of: journey.ready names no event"),
        ("[contract]\nsellers = 6\nhours = 3", "contract.hours: unknown key; allowed in [contract]: contact_hours, "),
        ("contract = 3", "journey.contract: "),
    ],
)
def test_a_mistake_is_one_line_with_the_key(tmp_path: Path, toml: str, line: str):
    path = tmp_path / "p.toml"
    path.write_text(LEAST + toml, encoding="utf-8")
    with pytest.raises(PlaybookError) as caught:
        load_playbook(path)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_the_docstrings_show():
    assert doctest.testmod(playbook_contract).failed == 0
