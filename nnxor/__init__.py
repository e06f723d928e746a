"""The science: tiny ReLU networks, how they are drawn and trained, and what became of them.

In reading order: `tasks` (what is learnt), `layers` and `losses` (the network of the article),
`inits` and `draws` (where it starts), `condition` (everything that fixes a training but its
seed), `protocol` (constants that results depend on), `optimizers` and `shuffles` (how parameters
move, and on which rows), `engines` (training, from readable to fast), `arithmetic` (the order of operations that
the fast ones share), `diagnosis` (what became of a training), `rescue` (what frees it), `levels`
(where training can rest), `decoder` (what a final loss means), `curvature`, `escape` and `certificate` (what
kind of point it came to rest at), `theory` (how likely a unit is dead at the start). Knows neither
files, nor Hydra, nor joblib.
"""
