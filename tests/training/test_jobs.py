"""The job of training: what a run's record says."""

from types import SimpleNamespace

from tests import market
from training.jobs import train


def test_the_record_of_a_run_says_the_settings_it_was_trained_with(tmp_path):
    said = {}

    def register(_bundle, **words):
        said.update(words["params"])
        return SimpleNamespace()

    settings = market.BOOK.training.model.model_copy(update={"rounds": 3, "learning_rate": 0.05})
    book = market.BOOK.model_copy(
        update={"training": market.BOOK.training.model_copy(update={"model": settings, "min_fidelity": 0.0})}
    )
    registry = SimpleNamespace(register=register)
    train(market.log(), book, registry, before=market.SNAPSHOT, reports=tmp_path, threads=1)  # type: ignore[arg-type]
    assert (said["rounds"], said["learning_rate"], said["num_leaves"]) == (3, 0.05, 7)
