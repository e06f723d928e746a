"""The science: tiny ReLU networks, how they are drawn and trained, and what became of them.

In reading order: `trial` (what one training is), `condition` (everything that fixes a training but its seed),
`network` (tasks, layers, losses, optimizers, initial weights), `engines` (training, from readable to fast) and
`arithmetic` (the order of operations that they share), `diagnosis` (what became of a training), `rescue` and
`interventions` (what frees a stuck one), `landscape` (where training can rest, and what kind of point that is).
`protocol` holds the constants that results depend on. Knows neither files, nor Hydra, nor joblib.
"""
