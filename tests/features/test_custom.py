"""A firm's own features: what they see, and one clear line for whatever is wrong with them."""

import importlib
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features import compute, custom, learning
from features.catalogue import CustomSpec, FeatureSet
from tests.features import worlds
from tests.histories import at, log_of, playbook, track
from veraison.errors import CustomFeatureError

SET = FeatureSet((7,), ("Called",), (), ("Lead Created",), (), (), custom=worlds.custom_specs())
HEAD = "from features.custom import feature\n\n"


@pytest.fixture
def firm(tmp_path, monkeypatch, request):
    """Write a module of this name, as a firm would; returns the name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str, name: str = f"firm_{request.node.name.partition('[')[0]}") -> str:
        (tmp_path / f"{name}.py").write_text(HEAD + source)
        importlib.invalidate_caches()
        sys.modules.pop(name, None)
        return name

    return write


def told(*events, day=10.0):
    row = compute.vector(log_of(*events), SET, "a", at(day), at(0))
    return dict(zip(SET.names, row.tolist(), strict=True))


def test_one_of_the_two_is_compiled_and_both_are_columns():
    assert {one.spec.name: one.compiled for one in custom.registered("tests.features.firm")} == {
        "quotes_at_night": True,
        "usual_worth": False,
    }
    assert SET.names[-2:] == ["custom__quotes_at_night", "custom__usual_worth"]
    assert custom.registered("tests.features.firm")[0].words == {"en": "quotes at night", "fr": "devis la nuit"}


def test_a_function_sees_the_visible_history_in_its_order():
    events = [
        track("a", "Quote", 1.0, value=5.0), track("a", "Quote", 2.5, value=1.0), track("a", "Called", 3.0),
        track("a", "Quote", 4.96, known=10.0, value=100.0), track("b", "Quote", 1.0, value=100.0),
    ]  # fmt: skip
    found = told(*events)
    assert (found["custom__quotes_at_night"], found["custom__usual_worth"]) == (1, 3.0)
    nothing = told(*events, day=1.0)
    assert nothing["custom__quotes_at_night"] == 0
    assert math.isnan(nothing["custom__usual_worth"])
    assert told(*events, day=10.1)["custom__quotes_at_night"] == 2


def test_what_python_sees_numba_sees(firm):
    """The same function twice, once with something in it that numba cannot compile."""
    body = """
    found = 0.0
    for e in range(len(occurred)):
        worth = 0.0 if value[e] != value[e] else value[e]
        found = found * 1.5 + (as_of - occurred[e]) / 8.64e10 + 3.0 * kind[e] + worth
    return found
"""
    head = '@feature(kinds=("Quote", "Called"), en="x")\ndef {}(as_of, occurred, kind, value):'
    slow = head.format("slow") + "\n    statistics.mean([1.0])" + body
    name = firm("import statistics\n\n" + head.format("fast") + body + slow)
    fast, slow = custom.registered(name)
    assert (fast.compiled, slow.compiled) == (True, False)
    log = log_of(*(track("ab"[n % 2], worlds.KINDS[n % 8], n / 7, value=float(n)) for n in range(60)))
    lead, as_of = np.arange(20) % 2, np.array([at(day / 2) for day in range(20)])
    assert custom.compute(log, fast, lead, as_of).tobytes() == custom.compute(log, slow, lead, as_of).tobytes()


def test_a_function_cannot_change_what_the_next_one_sees(firm):
    name = firm(
        "import statistics\n\n"
        '@feature(en="x")\n'
        "def scribbles(as_of, occurred, kind, value):\n    occurred[0] = statistics.mean([7])\n    return 1.0\n"
    )
    (found,) = custom.registered(name)
    with pytest.raises(CustomFeatureError, match=r"'scribbles' failed for lead 'a': ValueError: .*read-only"):
        custom.compute(log_of(track("a", "Quote", 1)), found, np.array([0]), np.array([at(2)]))


def test_a_module_that_is_not_there():
    with pytest.raises(CustomFeatureError, match=r"^features.custom: module 'no_such_firm' cannot be imported: .*$"):
        custom.registered("no_such_firm")


@pytest.mark.parametrize(
    ("source", "said"),
    [("import no_such_library", "No module named 'no_such_library'"), ("1 / 0", "ZeroDivisionError: division by zero"),
     ("def (", "SyntaxError: ")],
)  # fmt: skip
def test_a_module_that_cannot_be_imported(firm, source, said):
    name = firm(source + "\n")
    with pytest.raises(CustomFeatureError) as told:
        custom.registered(name)
    assert f"features.custom: module {name!r} cannot be imported: " in str(told.value)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_a_module_beside_the_workspace_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("beside_the_workspace.py").write_text(
        HEAD + '@feature(en="x")\ndef one(as_of, occurred, kind, value):\n    return 1\n'
    )
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = list(sys.path)
    assert [one.spec.name for one in custom.registered("beside_the_workspace")] == ["one"]
    assert sys.path == before


def test_a_module_without_a_decorated_function(firm):
    name = firm("def lonely(as_of, occurred, kind, value):\n    return 1\n")
    with pytest.raises(CustomFeatureError, match=f"module '{name}' has no function decorated with @feature$"):
        custom.registered(name)


def test_a_function_that_changed_since_training_is_refused():
    spec = SET.custom[0]
    with pytest.raises(
        CustomFeatureError, match=r"'quotes_at_night' of module 'tests.features.firm' has changed since"
    ):
        custom.load(replace(spec, digest="0" * 12))
    with pytest.raises(CustomFeatureError, match=r"which module 'tests.features.firm' no longer has"):
        custom.load(CustomSpec(spec.module, "gone", spec.digest))
    changed = replace(SET, custom=(replace(spec, digest="0" * 12),))
    with pytest.raises(CustomFeatureError, match="veraison train"):
        compute.vector(log_of(track("a", "Quote", 1)), changed, "a", at(2), at(0))


def test_the_digest_is_that_of_the_source(firm):
    source = '@feature(en="x")\ndef one(as_of, occurred, kind, value):\n    return {}\n'
    digests = []
    for number in (1, 1, 2):
        (found,) = custom.registered(firm(source.format(number), f"firm_digest_{len(digests)}"))
        digests.append(found.spec.digest)
    assert digests[0] == digests[1] != digests[2]


def test_an_exception_is_told_with_the_feature_and_the_lead(firm):
    name = firm('@feature(en="x")\ndef breaks(as_of, occurred, kind, value):\n    return {}["price"]\n')
    (found,) = custom.registered(name)
    assert not found.compiled
    with pytest.raises(CustomFeatureError, match=r"^the feature 'breaks' failed for lead 'b': KeyError: 'price'$"):
        custom.compute(log_of(track("a", "Quote", 1), track("b", "Quote", 1)), found, np.array([1]), np.array([at(2)]))


IMPURE = {
    "chance": "import random\n\n{head}\n    return random.random()\n",
    "clock": "import time\n\n{head}\n    return float(time.perf_counter_ns())\n",
    "memory": "seen = []\n\n{head}\n    seen.append(as_of)\n    return float(len(seen))\n",
}


@pytest.mark.parametrize("kind", IMPURE)
def test_what_is_no_function_of_the_visible_history_is_refused(firm, kind):
    head = f'@feature(en="x")\ndef by_{kind}(as_of, occurred, kind, value):'
    name = firm(IMPURE[kind].format(head=head), f"firm_by_{kind}")
    log = log_of(*(track(lead, "Quote", 1.0) for lead in "abc"))
    book = playbook(features={"custom": [name]})
    with pytest.raises(
        CustomFeatureError, match=rf"^features.custom: 'by_{kind}' gave .* must depend on the visible hi"
    ):
        learning.learn(log, book, np.arange(3), np.full(3, at(5)), min_leads=1)


def test_pure_functions_are_learned_with_the_set():
    log = log_of(*(track(lead, "Quote", 1.0) for lead in "abc"))
    book = playbook(features={"custom": ["tests.features.firm"]})
    found = learning.learn(log, book, np.arange(3), np.full(3, at(5)), min_leads=1)
    assert found.custom == SET.custom


# --- mistakes of a firm's own code


def test_a_compiled_function_cannot_read_beyond_what_is_visible(firm):
    name = firm('@feature(en="x")\ndef first(as_of, occurred, kind, value):\n    return value[0]\n')
    (found,) = custom.registered(name)
    assert found.compiled
    with pytest.raises(CustomFeatureError, match=r"'first' failed"):
        custom.compute(log_of(track("a", "Quote", 5, value=42.0)), found, np.array([0]), np.array([at(1)]))


def test_what_a_compiled_function_raises_is_told_with_its_name(firm):
    body = "    if as_of > 0:\n        raise ValueError('no')\n    return 1.0\n"
    name = firm('@feature(en="x")\ndef fussy(as_of, occurred, kind, value):\n' + body)
    (found,) = custom.registered(name)
    assert found.compiled
    with pytest.raises(CustomFeatureError, match=r"'fussy' failed.*ValueError: no"):
        custom.compute(log_of(track("a", "Quote", 1)), found, np.array([0]), np.array([at(2)]))


def test_a_module_beside_the_workspace_with_a_mistake_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mistaken_beside.py").write_text("1 / 0\n")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    with pytest.raises(CustomFeatureError, match=r"'mistaken_beside' cannot be imported: .*division by zero"):
        custom.registered("mistaken_beside")


def test_the_trial_of_compiling_warns_nobody(firm):
    name = firm(
        '@feature(en="x")\ndef odd(as_of, occurred, kind, value):\n    {}.get("", str(as_of))\n    return 1.0\n'
    )
    (found,) = custom.registered(name)
    assert not found.compiled


def test_a_compiled_function_that_returns_no_number_is_told_with_its_name(firm):
    name = firm('@feature(en="x")\ndef silent(as_of, occurred, kind, value):\n    return\n')
    with pytest.raises(CustomFeatureError, match="'silent' returns none; it must return a number"):
        custom.registered(name)
