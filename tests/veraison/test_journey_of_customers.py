"""`--journey customers`: a model of its own beside the first one, and what is a mistake."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data import scorelog
from data.store import Store
from serving.models import load_champion
from tests import repeats
from tests.histories import at
from tests.training.test_after_sale import learned
from training.registry import CHAMPION, Registry
from veraison.cli import app
from veraison.errors import ModelError, PlaybookError, TrainingError
from veraison.settings import Workspace

pytestmark = pytest.mark.filterwarnings(  # MLflow's own, at each look into its tables
    "ignore:The ``noload`` loader strategy is deprecated", "ignore:.*type hint:UserWarning"
)
PLAYBOOK = """
[journey]
created = ["Lead Created"]
ready = ["Accepted"]
converted = ["Deal Won"]
lost = ["Deal Lost"]
opted_out = ["Stop"]
[horizons]
days = [7, 30]
[after_sale]
converted = ["Repeat Order"]
lost = ["Deal Lost"]
days = [30, 60]
primary = 60
"""


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("VERAISON_WORKSPACE", str(tmp_path))
    found = Workspace(tmp_path)
    found.playbook.write_text(PLAYBOOK, encoding="utf-8")
    with Store(found.store_url) as store:
        store.append(repeats.events())
    return found


def ran(*words: str) -> Any:
    return app([*words], standalone_mode=False)


def test_its_models_are_registered_and_served_apart(firm: Workspace, capsys: Any):
    bundle = learned()[3]
    one = Registry(firm.customers).register(bundle, alias=CHAMPION)
    assert (one.number, Registry(firm.customers).aliased(CHAMPION)) == (1, one)
    assert Registry(firm).versions() == []
    assert load_champion(firm.customers).version == bundle.version
    with pytest.raises(ModelError, match=r"^no model yet; train one with: veraison train$"):
        load_champion(firm)
    path = firm.root / "scores.parquet"
    ran("score", "--journey", "customers", "--out", str(path))
    scores = pl.read_parquet(path)
    assert set(scores["status"].unique()) == {"scored", "converted", "lost", "not_started"}
    assert set(scores["model_version"]) == {bundle.version}
    assert {"p_30d", "p_60d"} <= set(scores.columns)
    sold = {event.lead_id for event in repeats.events() if event.kind == "Deal Won"}
    assert set(scores.filter(pl.col("status") != "not_started")["lead_id"]) == sold
    with Store(firm.store_url) as store:
        assert list(scorelog.first_of_each_week(store, before=at(9_999))) == []
        assert store.engine.connect().exec_driver_sql("SELECT count(*) FROM scores").scalar() == 0
    capsys.readouterr()
    lead = scores.filter(pl.col("status") == "scored")["lead_id"][0]
    ran("explain", lead, "--journey", "customers")
    assert lead in capsys.readouterr().out
    ran("audit", "--journey", "customers")
    assert "no leak found" in capsys.readouterr().out


def test_with_one_registry_for_all_the_name_keeps_them_apart(tmp_path: Path):
    """The same MLflow, as where a server is shared: models of customers have another name."""
    shared = f"sqlite:///{tmp_path / 'shared.db'}"
    first = Workspace(tmp_path / "w", tracking_uri_override=shared)
    Registry(first.customers).register(learned()[3], alias=CHAMPION)
    assert Registry(first).versions() == []
    assert [one.number for one in Registry(first.customers).versions()] == [1]


def test_mistakes_are_one_line(firm: Workspace, capsys: Any):
    with pytest.raises(ModelError, match=r"^no model of customers yet; train one with: veraison train --journey cust"):
        ran("score", "--journey", "customers")
    assert ran("score", "--journey", "customers", "--engine", "spark") == 2
    assert re.fullmatch(r"error: --engine spark scores the first journey only; .*\n", capsys.readouterr().err)
    Registry(firm.customers).register(learned()[3], alias=CHAMPION)
    text = PLAYBOOK.replace('converted = ["Repeat Order"]', 'converted = ["Product Shown"]')
    firm.playbook.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"^the model of customers was trained with another \[journey\] or [^\n]*$"):
        ran("score", "--journey", "customers")
    firm.playbook.write_text(PLAYBOOK + "min_conversions = 5000\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"^after the sale: .* \d+ more; [^\n]* after_sale.min_conversions$"):
        ran("train", "--journey", "customers")
    firm.playbook.write_text(PLAYBOOK.split("[after_sale]", maxsplit=1)[0], encoding="utf-8")
    with pytest.raises(PlaybookError, match=r"^after_sale.converted: the playbook names no event [^\n]*$"):
        ran("train", "--journey", "customers")
