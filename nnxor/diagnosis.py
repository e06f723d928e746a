"""What became of a training: its outcome, and the columns of a trial, from its weights and its trace.

The rules of outcomes, in the order in which they are applied here, and what the causes mean, stand in docs/columns.md.
"""

from dataclasses import replace

import numpy as np

from nnxor import engines
from nnxor.arithmetic.networks import Ending, any_active, ending, preactivations
from nnxor.arrays import Array, Ints, Mask, Texts, Values
from nnxor.condition import Condition
from nnxor.engines import Trace, Trained
from nnxor.landscape import regions
from nnxor.landscape.levels import merged_rows, merged_text, traps
from nnxor.network.draws import Weights
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS
from nnxor.protocol import TAIL_PARTS, tail_part
from nnxor.quench import EPOCHS, calm, quench

Columns = dict[str, Values]

OUTCOMES = (  # `stuck` alone is that of traps without a name
    "solved", "stuck_1/4", "stuck_1/3", "stuck_1/2", "stuck", "oscillating", "diverged", "unsettled", "unclear",
)  # fmt: skip
CAUSES = (  # the empty one is that of a solved run
    "", "few_alive_at_start", "died_in_training", "alive_but_linear", "alive_but_merged",
    "step_too_large", "not_finished", "unclear",
)  # fmt: skip

REST_GRADIENT = 1e-4  # largest gradient norm, over c, of a run at rest
LEVEL_TOLERANCE = 1e-4  # largest distance of the loss, over c, from the level that it is said to sit on
SAME = 1e-6  # A region's best this close to a trap's level is that trap's: it is found to about 1e-10
MERGE_TOLERANCE = 1e-2  # Predictions closer than this share of the range of targets are one, and farther ones wrong


@np.errstate(all="ignore")
def diagnose(condition: Condition, start: Weights, trained: Trained) -> Columns:
    """The columns of `trials.parquet` that describe R trainings, each of shape (R,).

    A missing value is −1 in an integer column, NaN in a real one and the empty string in text.
    """
    trace, end = trained.trace, ending(condition, trained.weights)
    outcome, plateau = judge(condition, trained.weights, end, trace)
    solved, stuck = outcome == "solved", np.char.startswith(outcome, "stuck")
    z_start = preactivations(condition, start.astype(condition.numpy_dtype))
    live_start, live = (any_active(condition, z).sum(axis=0, dtype=np.int32) for z in (z_start, end.z))
    linear = (np.logical_and.reduce([row > 0 for row in end.z]) & (not condition.smooth)).sum(axis=0, dtype=np.int32)
    task = condition.task  # right is a prediction on its target's side of the middle between the targets
    sides = np.sign(np.array(end.y) - condition.numpy_dtype.type(task.middle))
    wanted = np.sign(np.array(task.targets) - task.middle)[:, None]
    right = task.times @ ((sides == wanted) & (wanted != 0)) / task.n_examples
    predictions = np.where(end.finite, end.y, np.nan).astype(np.float64)
    return {
        "outcome": outcome,
        "final_loss": end.loss.astype(np.float64),
        "grad_norm": end.norm.astype(np.float64),
        "accuracy": np.where(end.finite, right, np.nan),
        "plateau": plateau,
        "merged": _merged(condition, end.y, stuck),
        "solved_epoch": np.where(solved, trace.last_unsolved + 1, -1).astype(np.int32),
        **{f"y_{name}": row for name, row in zip(task.row_names, predictions, strict=True)},
        "dead_init": condition.hidden - live_start,
        "dead_final": np.where(end.finite, condition.hidden - live, -1),
        "linear_final": np.where(end.finite, linear, -1),
        "patterns_init": _patterns(z_start),
        "patterns_final": np.where(end.finite, _patterns(end.z), b""),
        "first_death_epoch": np.where(end.finite, trace.first_death, -1),
        "revived": np.where(end.finite, trace.revived, -1),
        "cause": _cause(condition, outcome, live_start, live, linear),
        "settled_epoch": np.where(end.finite, trace.settled_epoch, -1),
        "period": np.where(end.finite, trace.period, -1),
    }


def _merged(condition: Condition, y: list[Values], stuck: Mask) -> Texts:
    """Groups of rows that share one wrong prediction, e.g. '00=10'; groups are set apart by blanks."""
    task = condition.task
    groups, kind = merged_rows([row[stuck] for row in y], task.targets, MERGE_TOLERANCE * task.spread)
    texts = np.array([merged_text(each, task) for each in groups], dtype=np.str_)
    merged = np.zeros(len(stuck), texts.dtype)
    merged[stuck] = texts[kind]
    return merged


def _patterns(z: list[Values]) -> Values:
    """Activation patterns, e.g. b'1000 0110': a bit a row, a word a unit."""
    text = np.pad((np.stack(z).T > 0) + np.uint8(ord("0")), ((0, 0), (0, 0), (0, 1)), constant_values=ord(" "))
    flat = np.ascontiguousarray(text.reshape(len(text), -1)[:, :-1])
    return flat.view(f"S{flat.shape[1]}")[:, 0]


def _cause(condition: Condition, outcome: Texts, live_start: Ints, live: Ints, linear: Ints | int) -> Texts:
    needed = condition.task.units or 1
    if not condition.units.can_die:  # a leaky unit below 0 is a line, not dead, and one alone may do
        needed = 1
        linear = condition.hidden if condition.units.straight(condition) else linear + (condition.hidden - live)
        live_start = live = np.full_like(live, condition.hidden)
    cases = {
        "": outcome == "solved",
        "step_too_large": np.isin(outcome, ("diverged", "oscillating")),
        "not_finished": outcome == "unsettled",
        "unclear": outcome == "unclear",
        "few_alive_at_start": np.maximum(live_start, live) < needed,
        "died_in_training": live < needed,
        "alive_but_linear": linear == live,
    }
    return np.asarray(np.select(list(cases.values()), list(cases), "alive_but_merged"))


def judge(condition: Condition, weights: Weights, end: Ending, trace: Trace) -> tuple[Texts, Array]:
    """The outcome of R trainings, and the level of stuck ones (NaN for the others), both (R,)."""
    at_rest, level = resting(condition, end)
    cases = [~end.finite, end.solved, at_rest != "", _descends(condition, end, trace)]
    outcome = np.select(cases, ["diverged", "solved", at_rest, "unsettled"], "unclear")
    doubtful = np.flatnonzero(outcome == "unclear")
    if len(doubtful):
        shaken = weights.take(doubtful), trace.tail[:, doubtful] / tail_part(condition.epochs)
        outcome[doubtful], level[doubtful] = _once_quenched(condition, *shaken)
    return outcome, np.where(np.char.startswith(outcome, "stuck"), level, np.nan)


def resting(condition: Condition, end: Ending) -> tuple[Texts, Array]:
    """The outcome of runs that are at rest, '' of the others, and the level at which each of them rests, both (R,)."""
    known, entry = traps(condition), LOSSES[condition.loss]
    c, solved = entry.weight(condition.task.n_examples), entry.of_targets(condition.task)
    level = end.loss.astype(np.float64)
    if entry.logits and not condition.smooth and condition.freeze is None:
        whole = c * condition.task.n_examples  # without a lowest point, the best of the activation region counts
        near, close = regions.APPROACH * whole, SAME * whole
        level, loss = regions.lowest(condition, end.z), level
        rests, elsewhere = (loss - level <= near) & (level - solved > near), "stuck"
    else:
        slope = (end.norm / c).astype(np.float64)
        on_its_way = slope**2 > REST_GRADIENT / c * (level - solved)  # to the solution, where both go to 0 together
        rests, elsewhere = (slope <= REST_GRADIENT) & ~on_its_way, "" if known else "stuck"
        close = LEVEL_TOLERANCE * c * condition.task.spread**2
    outcome = np.where(rests, elsewhere, "").astype(f"<U{max(map(len, OUTCOMES))}")
    for trap, at in known.items():
        there = rests & (np.abs(level - at) <= close)
        outcome[there], level[there] = trap, at
    return outcome, level


def _descends(condition: Condition, end: Ending, trace: Trace) -> Mask:
    """Whether the losses of the tail fall, (R,); a training too short to have a tail counts as falling."""
    part = tail_part(condition.epochs)
    if part == 0:
        return np.ones(len(end.loss), bool)
    mean, half = trace.tail / part, TAIL_PARTS // 2
    earlier, later = mean[:half].mean(axis=0), mean[half:].mean(axis=0)
    hoped = later
    if condition.batch_size is None and OPTIMIZERS[condition.optimizer].plain:  # steps follow the slope and no more
        hoped = np.minimum(condition.lr * end.norm.astype(np.float64) ** 2 * half * part, later)
    steadily = (np.diff(mean, axis=0) < 0).all(axis=0)
    return np.asarray(steadily | ((earlier - later >= 0.1 * hoped) & (hoped > 1e-5 * later)))


def _once_quenched(condition: Condition, weights: Weights, tail: Array) -> tuple[Texts, Array]:
    """Outcome and level of runs that neither rest nor descend, decided by where a quench leads; `tail` (parts, R)."""
    settled, step = quench(condition, weights)
    after = ending(calm(condition), settled)
    rest, level = resting(condition, after)
    share = level / tail[-1]
    trapped = (rest != "") & ~after.solved & (share > 0.5)
    lower = (after.loss < tail.min(axis=0)) & ~(trapped & (share >= 0.9))
    slow = _gets_lower(condition, weights, tail, np.full(len(step), condition.lr), lower)
    large = ~(slow | trapped) & (after.loss < 0.9 * tail.min(axis=0))
    shaken = _gets_lower(condition, weights, 0.9 * tail, np.minimum(condition.lr / 10, step), large)
    return np.select([slow, trapped, shaken], ["unsettled", rest, "oscillating"], "unclear"), level


def _gets_lower(condition: Condition, weights: Weights, tail: Array, lr: Array, asked: Mask) -> Mask:
    """Which of the runs that are asked get below every part of their tail (parts, R) if they go on, with steps (R,)."""
    found = np.zeros_like(asked)
    for size in np.unique(lr[asked & (lr > 0)]):  # a tenth of the smallest number is 0
        at = np.flatnonzero(asked & (lr == size))
        seeds = np.zeros(len(at), np.int64)  # all are shuffled alike
        onward = replace(condition, lr=float(size), epochs=EPOCHS, rescue=None)
        trace = engines.load("auto")(onward, weights.take(at), seeds).trace
        found[at] = trace.tail.max(axis=0) / tail_part(EPOCHS) < tail[:, at].min(axis=0)
    return found
