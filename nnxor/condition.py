"""A condition: everything that fixes a training but its seed, and what a field of it is."""

from __future__ import annotations  # the types of fields are read as they are written

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from nnxor.checks import below_one, brief, choice, instance, not_zero, optional, positive, some_of, switch, up_to, whole
from nnxor.interventions import INTERVENTIONS
from nnxor.network.activations import ACTIVATIONS, OUTPUTS
from nnxor.network.draws import PARAMETERS
from nnxor.network.entries import Activation
from nnxor.network.inits_in_yaml import LARGEST, UNIFORM, GivenWeights, Init, plain_name
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS
from nnxor.network.tasks import XOR, Task
from nnxor.protocol import PROTOCOL_VERSION
from nnxor.registry import Registry

MOST_HIDDEN = 4096
MOST_EPOCHS = 2**31 - 2
MOST_SCALE = 1e6  # of initial weights: the largest draw (nnxor.network.inits_in_yaml) times it is finite in float32


@dataclass(frozen=True)
class Field:
    """A field of a condition.

    check: which values are allowed (`nnxor.checks`); a registry in its place allows the names of its entries.
    symbol: its short name, in tables and sentences; label: its name along an axis.
    scale: how its values lie along an axis: 'linear', 'log', or 'names' for what is no number.
    phrase: a value in a sentence, '{}' standing for it; words: the values that are said in other words.
    setting: whether it counts only where an entry that another field chooses makes use of it.
    needs: the field without whose value it does nothing, if there is one.
    type: its annotation; registry: the entries that it chooses from by name, if it does.
    """

    default: Any
    check: Callable[[object], Any]
    symbol: str = ""
    label: str = ""
    scale: str = "names"
    phrase: str = ""
    words: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    setting: bool = False
    needs: str = ""
    type: str = ""
    registry: Registry[Any] | None = None

    def named(self, name: str, kind: str) -> Self:
        """The same with its type, and with words made of its name where there are none."""
        symbol = self.symbol or name.replace("_", " ")
        label, phrase = self.label or symbol, self.phrase or f"{symbol} = {{}}"
        return replace(self, type=kind, symbol=symbol, label=label, phrase=phrase)

    def about(self) -> dict[str, Any]:
        """What readers of results must know of it, in plain values."""
        about = {name: getattr(self, name) for name in ("symbol", "label", "scale", "phrase", "setting", "needs")}
        words = {str(value): words for value, words in self.words.items()}
        entries = {entry.name: entry.about() for entry in (self.registry or {}).values()}
        return {"default": plain(self.default), **about, "words": words, "entries": entries}


def plain(value: Any) -> Any:
    """A field's value as tables hold it: a task and an init by name, a success rule in words."""
    if value is None or isinstance(value, int | float | str):
        return value
    return getattr(value, "name", None) or str(value)


def labelled(value: Any) -> str:
    """A task or an init as figures name it."""
    return str(getattr(value, "label", "") or value.name)


def field(default: Any, check: Callable[[object], Any] | Registry[Any], *words: Any, **about: Any) -> Any:
    """A field of the dataclass `Condition`, from what `Field` holds in this order; a default of None is allowed."""
    if isinstance(check, Registry):
        about["registry"] = check
        check = choice(check)
    allowed = optional(check) if default is None else check
    return dataclasses.field(default=default, metadata={"field": Field(default, allowed, *words, **about)})


@dataclass(frozen=True)
class Success:
    """When a training counts as solved.

    rule `loss`: loss ≤ tolerance. rule `margin`: |y − t| < tolerance on every row. rule `threshold`: every row on its
    side of the middle between the targets (where that is ½ and the output a sigmoid: its logit on its side of 0), where
    `ties` says whether a row that lies there is on its side (`pass`) or not (`fail`). What is not used is the default.
    """

    rule: str = "loss"
    tolerance: float = 1e-3
    ties: str = "fail"

    def __post_init__(self) -> None:
        """Forget what the rule does not use."""
        unused = "tolerance" if self.sides else "ties"
        object.__setattr__(self, unused, getattr(Success, unused))

    @property
    def sides(self) -> bool:
        """Whether what counts is on which side of the middle predictions are, and not how far off."""
        return self.rule == "threshold"

    def __str__(self) -> str:
        """The rule in a word or two: 'loss 0.001', 'margin 0.1', 'threshold', 'threshold (ties pass)'."""
        if self.sides:
            return "threshold (ties pass)" if self.ties == "pass" else "threshold"
        return f"{self.rule} {self.tolerance!r}"


@dataclass(frozen=True)
class Condition:
    """The fields of a condition, a line each; their names are axis names, config keys and column names alike.

    What is not used is the default, so that it tells no two equal trainings apart. ValueError says what is allowed.
    """

    task: Task = field(XOR, instance(Task, "a Task"), phrase="{}")
    hidden: int = field(4, whole(1, MOST_HIDDEN), "units", "hidden units", "linear", "{} units")
    activation: str = field("relu", ACTIVATIONS, phrase="{}")
    slope: float = field(0.01, not_zero(LARGEST), scale="linear", phrase="slope {}", setting=True)
    relu_at_zero: int = field(0, choice((0, 1)), "relu\N{PRIME}(0)", "derivative at 0", setting=True)
    output: str = field("identity", OUTPUTS, phrase="{} output")
    bias: bool = field(True, switch, words={True: "biases", False: "no biases"})
    init: Init | GivenWeights = field(
        UNIFORM, instance((Init, GivenWeights), "an Init, or GivenWeights"), label="initialization", phrase="{}"
    )
    scale: float = field(1.0, up_to(MOST_SCALE), label="scale of the initial weights", scale="log", phrase="scale {}")
    lr: float = field(0.1, positive, label="learning rate", scale="log", phrase="lr {}")
    epochs: int = field(10_000, whole(0, MOST_EPOCHS), scale="log", phrase="{} epochs")
    loss: str = field("half_sse", LOSSES)
    optimizer: str = field("gd", OPTIMIZERS, phrase="{}")
    momentum: float = field(0.9, below_one, scale="linear", phrase="momentum {}", setting=True)
    beta1: float = field(0.9, below_one, "\N{GREEK SMALL LETTER BETA}1", "beta1", "linear", setting=True)
    beta2: float = field(0.999, below_one, "\N{GREEK SMALL LETTER BETA}2", "beta2", "linear", setting=True)
    rho: float = field(0.9, below_one, "\N{GREEK SMALL LETTER RHO}", "rho", "linear", setting=True)
    epsilon: float = field(1e-8, up_to(LARGEST), "\N{GREEK SMALL LETTER EPSILON}", "epsilon", "log", setting=True)
    batch_size: int | None = field(None, whole(1), scale="linear", phrase="batches of {}", words={None: "full batch"})
    order: str = field(
        "shuffled", choice(("shuffled", "fixed")), "order of rows", phrase="rows in {} order", needs="batch_size"
    )
    freeze: str | None = field(None, some_of(PARAMETERS), "frozen", phrase="{} frozen", words={None: "nothing frozen"})
    recycle_every: int | None = field(
        None, whole(1), "recycle every", "redraw dead units every", "log", "dead units redrawn every {} epochs",
        words={None: "dead units not redrawn"},
    )  # fmt: skip
    dtype: str = field("float32", choice(("float32", "float64")), label="precision", phrase="{}")
    rescue: str | None = field(None, INTERVENTIONS, phrase="rescue: {}", words={None: "left alone"})
    success: Success = field(Success(), instance(Success, "a Success"), phrase="solved: {}")

    def __post_init__(self) -> None:
        """Check each value, and forget the settings that nothing uses."""
        for name, about in FIELDS.items():
            value = getattr(self, name)
            value = value.item() if isinstance(value, np.generic) else value
            try:
                object.__setattr__(self, name, about.check(value))
            except ValueError as error:
                raise ValueError(f"{name}={brief(value)} is not allowed; {error}") from None
        for name in FIELDS:
            if not self.uses(name):
                object.__setattr__(self, name, FIELDS[name].default)

    def uses(self, name: str) -> bool:
        """Whether a field has an effect: it is no setting, or an entry of this condition uses it."""
        if FIELDS[name].needs:
            return getattr(self, FIELDS[name].needs) is not None
        if not FIELDS[name].setting:
            return True
        chosen = ((registry, getattr(self, field)) for field, registry in CHOICES.items())
        return any(name in registry[entry].settings for registry, entry in chosen if entry is not None)

    @property
    def numpy_dtype(self) -> np.dtype:
        """The dtype of parameters and of every operation."""
        return np.dtype(self.dtype)

    @property
    def units(self) -> Activation:
        """The activation of the hidden units."""
        return ACTIVATIONS[self.activation]

    @property
    def smooth(self) -> bool:
        """Whether the hidden units have no kink: none of them is dead or linear."""
        return self.units.smooth

    @property
    def slopes(self) -> tuple[float, float] | None:
        """The slopes of piecewise linear hidden units, below and above their kink; None for smooth ones."""
        return self.units.slopes(self) if self.units.slopes else None

    @property
    def convex(self) -> bool:
        """Whether each row's loss is convex in its score: a loss of logits, or behind an output that bends nowhere."""
        return LOSSES[self.loss].logits or OUTPUTS[self.output].straight(self)

    @property
    def rectified(self) -> bool:
        """Whether the hidden units are ReLUs: 0 below their kink, and their pre-activation above it."""
        return self.slopes == (0.0, 1.0)

    @property
    def most_epochs(self) -> int:
        """The epochs that a training has at most: twice its own where those that get stuck are trained on."""
        return self.epochs if self.rescue is None else 2 * self.epochs

    @property
    def dead_stay_dead(self) -> bool:
        """Whether a unit that is dead never changes again: its gradient is exactly 0, and nothing else moves it."""
        return self.units.dead_rest(self) and OPTIMIZERS[self.optimizer].rests and self.recycle_every is None

    def refusal(self) -> str:
        """Why its values do not go together, and what is allowed; the empty text where they do."""
        return next(_refusals(self), "")

    def out_of_reach(self) -> str:
        """Why no network of it is ever solved, and what is allowed; the empty text where rows contradict no others."""
        rule, task = self.success, self.task
        if not (ends := [(float(min(times)), float(max(times))) for times in task.contradictions]):
            return ""
        lowest = LOSSES[self.loss].lowest(task)
        never = {
            "loss": lowest > rule.tolerance,
            "margin": any(high - low >= 2 * rule.tolerance for low, high in ends),
            "threshold": rule.ties == "fail" and any(low < task.middle < high for low, high in ends),
        }
        what = f"can never hold, since rows of task={task.name} have equal inputs and different targets"
        allowed = f"success.rule=loss with a success.tolerance above {lowest:.6g}"
        return f"success.rule={rule.rule} {what}; allowed: {allowed}" if never[rule.rule] else ""

    @property
    def repeats(self) -> bool:
        """Whether the next state of a training follows from the present one alone, whatever the epoch."""
        return not OPTIMIZERS[self.optimizer].powers and self.batch_size is None and self.recycle_every is None

    @property
    def followed(self) -> bool:
        """Whether compiled kernels look for units that die or come back in every epoch, and not only at checkpoints."""
        return not self.smooth and not (self.repeats and self.dead_stay_dead)

    @property
    def frozen(self) -> frozenset[str]:
        """The parameters that keep their initial values."""
        return frozenset((self.freeze.split("+") if self.freeze else []) + ([] if self.bias else ["b1", "b2"]))

    @property
    def n_parameters(self) -> int:
        """How many parameters a network has, biases that are 0 included."""
        return (self.task.n_inputs + 2) * self.hidden + 1

    def values(self) -> dict[str, object]:
        """The fields by name, with task, init and success in words."""
        return {name: plain(getattr(self, name)) for name in FIELDS}

    def text(self) -> str:
        """Canonical text: the protocol's version, then each field that is not the default.

        Of a task the whole table counts, of an initialization its distributions, and not their names alone.
        """
        values = {name: getattr(self, name) for name in FIELDS}
        others = (f"{name}={_text(value)}" for name, value in values.items() if value != FIELDS[name].default)
        return ";".join([f"protocol={PROTOCOL_VERSION}", *others])

    @cached_property
    def key(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the canonical text."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]


FIELDS: dict[str, Field] = {  # by name, in the order in which tables show them and conditions are sorted
    each.name: each.metadata["field"].named(each.name, str(each.type)) for each in dataclasses.fields(Condition)
}

CHOICES = {name: about.registry for name, about in FIELDS.items() if about.registry is not None}
"""The fields that choose entries of a registry."""


def users(setting: str) -> list[str]:
    """What makes use of a setting: 'activation=leaky_relu', say."""
    if FIELDS[setting].needs:
        return [f"a {FIELDS[setting].needs}"]
    entries = ((name, entry) for name, registry in CHOICES.items() for entry in registry.values())
    return [f"{name}={entry.name}" for name, entry in entries if setting in entry.settings]


def fitting(loss: str) -> dict[str, Any]:
    """The fields that go with a loss: itself, the output that it needs, and a success that it can reach.

    A loss of probabilities falls for ever, so what counts with it is the side of ½.
    """
    entry = LOSSES[loss]
    success = Success("threshold") if entry.logits else Success()
    return {"loss": loss, "output": entry.output or FIELDS["output"].default, "success": success}


def _refusals(c: Condition) -> Iterator[str]:
    """Why the values of a condition do not go together, and what is allowed."""
    task, init, given, size = c.task, c.init, isinstance(c.init, GivenWeights), c.batch_size
    with np.errstate(all="ignore"):
        step = float(c.numpy_dtype.type(c.lr))
    if not 0 < step < math.inf:
        yield f"lr={c.lr:g} is {step:g} in {c.dtype}; allowed: a step that dtype can hold"
    yield from _refusals_of_targets(c)
    if size is not None and size > task.n_examples:
        allowed = f"null (all), or an integer from 1 to {task.n_examples}"
        yield f"batch_size={size} is more than the {task.n_examples} examples of task={task.name}; allowed: {allowed}"
    if isinstance(init, GivenWeights) and init.size != (task.n_inputs, c.hidden):
        asked = f"the condition has {task.n_inputs} inputs and hidden={c.hidden}"
        yield f"init={init.name} is for {init.size[0]} inputs and hidden={init.size[1]}; {asked}"
    if isinstance(init, Init) and init.margin is not None and (0.0,) * task.n_inputs in task.inputs:
        largest = c.bias * c.scale * float(init.biases.at(task.n_inputs, c.hidden).quantile(np.array([1 - 2**-53]))[0])
        if largest <= init.margin:
            yield (
                f"init={init.name} never keeps its margin {init.margin:g} on a row of zeros, where units are given "
                f"their biases, {largest:g} at most; task={task.name} has such a row; allowed: task=xor_centred, say"
            )
    if not c.bias and (none := [name for name in (c.freeze or "").split("+") if name.startswith("b")]):
        yield f"freeze={c.freeze} would do nothing to {none[0]}: bias=false has none; allowed: W1, W2"
    if c.frozen.issuperset(PARAMETERS):
        yield f"freeze={c.freeze} leaves nothing to train; allowed: fewer of {', '.join(PARAMETERS)}"
    if c.recycle_every is not None and not c.units.can_die:
        yield f"recycle_every redraws dead units; activation={c.activation} has none"
    if c.recycle_every is not None and given:
        yield f"recycle_every draws fresh weights, and init={init.name} has none to draw"
    if c.rescue is not None and (why := INTERVENTIONS[c.rescue].refused(c)):
        yield f"rescue={c.rescue} {why}"
    if c.most_epochs > MOST_EPOCHS:
        twice = f"with rescue={c.rescue}, which may train twice as long"
        yield f"epochs={c.epochs} is too many {twice}; allowed: at most {MOST_EPOCHS // 2}"


def _refusals_of_targets(c: Condition) -> Iterator[str]:
    """The same of a loss, the targets and the success rule."""
    task, loss = c.task, LOSSES[c.loss]
    if loss.output not in (None, c.output):
        yield f"loss={c.loss} needs a probability; output={c.output}; allowed: output={loss.output}"
    if loss.logits and not all(0 <= t <= 1 for t in task.targets):
        yield f"loss={c.loss} needs targets from 0 to 1; task={task.name} has others"
    lowest = loss.of_targets(task)
    if c.success.rule == "loss" and lowest > c.success.tolerance:
        at_least = f"loss={c.loss} of task={task.name} is {lowest:.4g} at least"
        yield f"success.rule=loss cannot hold: {at_least}; allowed: success.rule=threshold or margin, or more tolerance"
    if c.success.sides and task.middle in task.targets:
        one = f"task={task.name} has one at {task.middle:g}"
        yield f"success.rule=threshold needs targets on a side of their middle; {one}"


def _text(value: object) -> str:
    if isinstance(value, Task):
        table = "|".join(_numbers((*x, t)) for x, t in zip(value.inputs, value.targets, strict=True))
        times = f";times={_numbers(value.multiplicities)}" if value.multiplicities else ""
        return f"{plain_name(value.name)}:{table};units={value.units}{times}"  # causes of failure depend on the units
    if isinstance(value, Init):
        return value.text()
    if isinstance(value, GivenWeights):
        return f"{plain_name(value.name)}:{value.digest}"
    return str(value) if isinstance(value, Success) else repr(value)


def _numbers(values: tuple[float, ...]) -> str:
    return ",".join(repr(float(value)) for value in values)
