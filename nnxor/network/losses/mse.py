"""The mean squared error, Σ(y − t)²/N."""

from dataclasses import replace

from nnxor.network.losses import half_sse

ENTRY = replace(
    half_sse.ENTRY,
    name="mse",
    label="the mean squared error",
    readable=(lambda y, t: (y - t) ** 2, lambda y, t: 2 * (y - t), True),
    weight=lambda n_examples: 2.0 / n_examples,
    elsewhere=("MSELoss", "MeanSquaredError", "mean_squared_error"),
)
