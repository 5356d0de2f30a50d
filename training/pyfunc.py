"""The registered model as MLflow loads it (models from code): a data frame of features gives probabilities."""

from pathlib import Path

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from training.bundle import Bundle


class LeadMaturity(PythonModel):
    """Columns of the feature set in; one probability a horizon, and days to readiness, out."""

    def load_context(self, context: PythonModelContext) -> None:
        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # numba infers  # MLflow takes hints for a schema
        features = model_input[self.bundle.feature_set.names].to_numpy(dtype="float64")
        found = self.bundle.predict(features)
        columns = dict(zip(self.bundle.horizon_names, found.probability.T, strict=True))
        ready = dict(zip(("ready_p10", "ready_p50", "ready_p90"), found.ready.T, strict=True))
        return pd.DataFrame({**columns, **ready})


mlflow.models.set_model(LeadMaturity())
