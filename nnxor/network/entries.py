"""What an activation, a loss and an optimizer are: all that the rest of the code asks of one stands in its entry.

An entry is the `ENTRY` of a module in `activations`, `losses` or `optimizers`. Its rules are functions over numbers
(`nnxor.arithmetic.numbers`), so that one definition serves every fast engine; `readable`, of which the layers of
activations and losses are made (`nnxor.network.layers`), is the independent check. `k` holds the settings of a
condition that the entry uses: the real ones as numbers of the training's dtype, the others (`relu_at_zero`) as they
are (`nnxor.arithmetic.epoch.Rules`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from nnxor.arithmetic.numbers import Number
from nnxor.arrays import Floats
from nnxor.network.layers import Rule
from nnxor.network.tasks import Task

Settings = Any  # A condition, or whatever else holds the fields that an entry uses under their names
Memory = tuple[Number, ...]
Step = tuple[Number, Memory]


@dataclass(frozen=True, kw_only=True)
class Uses:
    """A name, its label in figures and sentences, the fields of a condition that it uses, and numbers made of them."""

    told: ClassVar[tuple[str, ...]] = ("label", "settings")
    name: str
    label: str
    settings: tuple[str, ...] = ()
    derived: Callable[[Settings], dict[str, Any]] = lambda _: {}  # such numbers, not yet rounded to a dtype

    def about(self) -> dict[str, Any]:
        """What readers of results must know of it, in plain values."""
        return {name: getattr(self, name) for name in self.told}

    def values(self, condition: Settings) -> dict[str, Any]:
        """What `k` holds: real numbers, not yet rounded to a dtype, and settings that choose between rules."""
        return {setting: getattr(condition, setting) for setting in self.settings} | self.derived(condition)


@dataclass(frozen=True, kw_only=True)
class Activation(Uses):
    """An activation function. An output function is one that may stand at the output.

    readable(condition): f(x) and its derivative d(x, y), with y = f(x), by NumPy's functions, for the readable layer.
    value(z, k): the activation of a pre-activation z.
    back(z, a, g, k): the gradient with respect to z, from z, a = value(z, k) and the gradient g with respect to a.
    second(z, a, k): the second derivative.
    slopes(condition): of a piecewise linear one, its slopes below and above its only kink, at 0; None of smooth ones.
    can_die: whether a unit that is not above 0 on any row is dead, that is adds nothing.
    dead_rest(condition): whether the gradient of a dead unit is exactly 0.
    hidden, output: where it may stand.
    half_at: as an output: the score at which the prediction is ½, where success asks the score and not the prediction.
    """

    told: ClassVar[tuple[str, ...]] = (*Uses.told, "smooth", "can_die")
    readable: Callable[[Settings], tuple[Callable[[Floats], Floats], Rule]]
    value: Callable[[Number, Settings], Number]
    back: Callable[[Number, Number, Number, Settings], Number]
    second: Callable[[Number, Number, Settings], Number]
    slopes: Callable[[Settings], tuple[float, float]] | None = None
    can_die: bool = False
    dead_rest: Callable[[Settings], bool] = lambda _: False
    hidden: bool = True
    output: bool = False
    half_at: float | None = None

    @property
    def smooth(self) -> bool:
        """Whether it has no kink: none of its units is dead or linear."""
        return self.slopes is None

    def straight(self, condition: Settings) -> bool:
        """Whether it bends nowhere: the identity, or a multiple of it."""
        return self.slopes is not None and len({*self.slopes(condition)}) == 1


@dataclass(frozen=True, kw_only=True)
class Loss(Uses):
    """A loss: a sum over the rows, each with a weight c.

    readable: a row's term and its derivative, of predictions (or logits) and targets, by NumPy's functions, and
        whether the loss is their mean.
    weight(n_examples): the factor c of each example.
    row(s, y, t, c): a row's term of the loss, and its gradient, from its score s, prediction y and target t.
    whole(total): the loss, from the sum of the terms.
    second(y, c): a row's second derivative with respect to what the gradient is with respect to. It knows no target,
        so that Huber's loss, or a fourth power, cannot be an entry.
    mixed(p): the least that an example of weight 1 costs on average where a share p of those that must have the same
        prediction has the target 1 and the others 0; what it costs with targets d apart is d² times that.
    output: the output function that it needs, if it is a loss of probabilities; targets then lie between 0 and 1.
    elsewhere: its names in other libraries.
    """

    told: ClassVar[tuple[str, ...]] = (*Uses.told, "output")
    readable: tuple[Rule, Rule, bool]
    weight: Callable[[int], float]
    row: Callable[[Number, Number, Number, Number], tuple[Number, Number]]
    whole: Callable[[Number], Number]
    second: Callable[[Number, Number], Number]
    mixed: Callable[[Fraction], Fraction]
    output: str | None = None
    elsewhere: tuple[str, ...] = ()

    @property
    def logits(self) -> bool:
        """Whether the gradient is that with respect to the score, and not to the prediction."""
        return self.output is not None

    def of_targets(self, task: Task) -> float:
        """The loss where every prediction is its target: 0, or of probabilities between 0 and 1 their entropy."""
        soft = [(Fraction(t), n) for t, n in zip(task.targets, task.times, strict=True) if self.logits and 0 < t < 1]
        return self.weight(task.n_examples) * float(sum(int(n) * self.mixed(t) for t, n in soft))

    def lowest(self, task: Task) -> float:
        """The loss below which no predictions get, since rows of equal inputs share one: best is their mean target."""
        more = Fraction(0)
        for times in task.contradictions:
            mean = sum((t * n for t, n in times.items()), Fraction(0)) / times.total()
            own = sum(n * self.mixed(t) for t, n in times.items() if not self.logits or 0 < t < 1)
            more += times.total() * self.mixed(mean) - own
        return self.of_targets(task) + self.weight(task.n_examples) * float(more)


@dataclass(frozen=True, kw_only=True)
class Optimizer(Uses):
    """How a parameter moves, given its gradient.

    step(p, g, memory, rate, k, left): the parameter and its memory after a step, from its gradient g and the learning
        rate; left[i] is 1 − β^t for the i-th of `powers`, where t counts the steps from 1.
    start(rate): what a parameter remembers before the first step, a number each.
    powers: settings of which the step needs the t-th power, in double precision. Without them the next parameters and
        memory follow from the present ones alone, whatever the epoch.
    rests: whether a parameter stays as it is while its gradient is 0, whatever happened before.
    plain: whether the step is the gradient times the rate, and nothing else.
    """

    step: Callable[..., Step]
    start: Callable[[float], tuple[float, ...]] = lambda _: ()
    powers: tuple[str, ...] = ()
    rests: bool = False
    plain: bool = False

    @property
    def memory(self) -> int:
        """How many numbers it remembers of each parameter."""
        return len(self.start(1.0))
