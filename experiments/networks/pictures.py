"""Pictures of one training: its loss curve, and the function that it computes in the end."""

from pathlib import Path

import pandas as pd

from analysis.data.field_labels import learn
from analysis.report_parts.drawing import draw_runs
from experiments.store.exemplars import exemplar
from nnxor import engines
from nnxor.condition import FIELDS, Condition
from nnxor.network.draws import Weights


def draw_training(condition: Condition, start: Weights, seed: int, source: str | None, folder: Path) -> None:
    """Draw a training, from a file of weights if there is a `source`, as the report draws its exemplars."""
    name = None if source is None else Path(str(source)).name
    learn({name: field.about() for name, field in FIELDS.items()})
    draw_runs(pd.DataFrame([exemplar(condition, start, seed, engines.fastest()[0], name)]), folder)
