"""Random LightGBM models, and rows that ask them awkward questions."""

import re

import lightgbm as lgb
import numpy as np
from hypothesis import strategies as st

COLUMNS = 7
CATEGORICAL = [2, 3]
BINS = 9
"""The last column holds 0, 1 ... as a hazard's bins do."""

AWKWARD = [
    0.0, -0.0, 1e-36, -1e-36, 1e-35, -1e-35, float(np.float32(1e-35)), -float(np.float32(1e-35)), 1.1e-35, -1.1e-35,
    5e-324, np.nan, np.inf, -np.inf, -1.0, -0.5, 0.5, 3.7, 31.0, 31.99, 32.0, 49.9, 1e10, -1e10, 2.0**31, 2.0**40,
]  # fmt: skip

parameters = st.fixed_dictionaries(
    {
        "num_leaves": st.sampled_from([2, 3, 7, 9, 10, 31]),
        "zero_as_missing": st.booleans(),
        "use_missing": st.booleans(),
        "monotone_constraints": st.sampled_from([None, [1, 0, 0, 0, -1, 0, 0]]),
        "max_cat_to_onehot": st.sampled_from([1, 4]),
        "boosting": st.sampled_from(["gbdt", "dart"]),
        "bagging_fraction": st.sampled_from([0.6, 1.0]),
        "objective": st.sampled_from(["regression", "poisson"]),
        "seed": st.integers(0, 10_000),
    }
)


def training_rows(seed: int, *, gaps: float = 0.1, rows: int = 400) -> np.ndarray:
    """(rows, COLUMNS): numbers, two columns of categories, many zeros, and gaps."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(rows, COLUMNS)).round(2)
    found[rng.random(found.shape) < 0.1] = 0.0
    found[:, 2], found[:, 3] = rng.integers(0, 50, rows), rng.integers(0, 4, rows)
    found[rng.random(found.shape) < gaps] = np.nan
    found[:, -1] = rng.integers(0, BINS, rows)
    return found


def booster(rounds: int = 12, gaps: float = 0.1, **asked) -> lgb.Booster:
    """Trained on something that needs every column."""
    rows = training_rows(asked.get("seed", 0), gaps=gaps)
    known = np.nan_to_num(rows)
    label = known[:, 0] + known[:, 2] % 3 + known[:, 3] + known[:, -1] * np.sign(known[:, 1]) + np.isnan(rows[:, 4])
    settings = {
        "verbosity": -1, "num_threads": 1, "min_child_samples": 3, "min_data_per_group": 5, "cat_smooth": 1.0,
        "bagging_freq": 1, "deterministic": True, "force_row_wise": True,
    }  # fmt: skip
    given = {name: value for name, value in asked.items() if value is not None}
    data = lgb.Dataset(rows, label - label.min(), categorical_feature=CATEGORICAL, params={"verbosity": -1})
    return lgb.train(settings | given, data, rounds)


def awkward_rows(model: lgb.Booster, seed: int, rows: int = 60) -> np.ndarray:
    """Rows of the training set, rows on the very thresholds of the model, and rows of awkward numbers."""
    rng = np.random.default_rng(seed)
    numbers = " ".join(re.findall(r"^threshold=(.*)$", model.model_to_string(), flags=re.MULTILINE)).split()
    near = np.array([float(number) for number in numbers] or [0.0])
    near = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf)])
    return np.concatenate(
        [
            training_rows(seed, rows=rows),
            rng.choice(near, size=(rows, COLUMNS)),
            rng.choice(AWKWARD, size=(rows, COLUMNS)),
        ]
    )


def raw(model: lgb.Booster, rows: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict(rows, raw_score=True, num_threads=1))


def changed(model: lgb.Booster, line: str, change) -> lgb.Booster:
    """The model with the numbers of one kind of line written otherwise."""

    def rewritten(found: re.Match[str]) -> str:
        return f"{line}=" + " ".join(str(change(number)) for number in found[1].split())

    text = model.model_to_string()
    return lgb.Booster(
        model_str=re.sub(rf"^{line}=(.*)$", rewritten, re.sub(r"(?m)^tree_sizes=.*\n", "", text), flags=re.M)
    )
