"""The compiled engine's kernel for a kind of condition: its text, printed from the stages of an epoch.

A kernel trains blocks of `LANES` networks. Every array of a block holds its trainings along the last axis, and every
innermost loop runs over that axis alone: the compiler turns it into vector instructions, and the block stays in the
first-level cache. The arithmetic comes from `nnxor.arithmetic.stages`; the loops around it stand here and in
`nnxor.engines.skeleton`.

Up to `WRITTEN_OUT` rows all rows are written out, zeros skipped and ones not multiplied. Beyond, loops go over the rows
in groups; rows that fill the last group weigh nothing. Functions of many operations (exp and its like) get a loop of
their own over all rows of a unit, and so does the step of an optimizer that remembers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nnxor.arithmetic.epoch import Rules, trained_rows
from nnxor.arithmetic.numbers import Number
from nnxor.arithmetic.printers import NumbaPython, program
from nnxor.arithmetic.stages import Stages, written_out
from nnxor.condition import FIELDS, Condition
from nnxor.engines.skeleton import HEAD, KERNEL, MARKS, MIX, SHUFFLE, WATCH

WRITTEN_OUT = 16
"""Rows up to which all are written out."""

GROUP = 8
"""Rows of a group beyond that."""

LANGUAGE = NumbaPython()

Lines = list[str]


def indented(lines: Sequence[str], depth: int = 1) -> Lines:
    """The lines, further in."""
    return ["    " * depth + line for line in lines]


def lanes(*lines: str) -> Lines:
    """A loop over the trainings of a block."""
    return ["for r in range(LANES):", *indented(lines)]


def computed(results: Sequence[Number], prefix: str) -> tuple[Lines, Lines]:
    """Lines that compute results, and their expressions."""
    return program(results, LANGUAGE, prefix)


class Rows:
    """The rows that a kernel goes over at a time: all of the table, or those of a mini-batch."""

    def __init__(self, condition: Condition, n_rows: int, drawn: bool) -> None:
        """`drawn`: each training has rows of its own, gathered beforehand."""
        self.loop, self.drawn, self.n_inputs = n_rows > WRITTEN_OUT, drawn, condition.task.n_inputs
        self.size = GROUP if self.loop else n_rows
        self.n = -(-n_rows // self.size) * self.size
        known = not (self.loop or drawn)
        unknown = ((None,) * self.n_inputs,)
        pattern = written_out(condition, n_rows) if known else unknown * self.size
        self.stages, self.one = Stages(condition, pattern), Stages(condition, unknown)
        self.kept = "1" if self.loop else "hidden"
        self.unit = "0" if self.loop else "h"

    def at(self, j: int) -> str:
        """The index of the group's row j."""
        return f"n0 + {j}" if self.loop else f"{j}"

    @property
    def apart(self) -> bool:
        """Whether the output goes from row to row."""
        return self.loop or self.stages.output_apart

    def score(self, j: int) -> str:
        """Where the score of the group's row j stands: in an array of its own, for speed, where no loop goes over."""
        return f"score[{self.at(j)}, r]" if self.apart else f"score{j}[r]"

    def scores_start(self) -> Lines:
        """All scores become the output bias."""
        if self.apart:
            return [f"for n in range({self.n}):", *indented(lanes("score[n, r] = out_bias[r]"))]
        return lanes(*self.each("{s} = out_bias[r]"))

    def scalars(self, at: Sequence[str]) -> Lines:
        """What is the same for all trainings: of rows that all share, inputs and targets; the weights."""
        if self.drawn:
            return [f"c{j} = batch_weights[step, {n}]" for j, n in enumerate(at)]
        d = self.n_inputs
        pattern = self.stages.pattern
        inputs = [
            f"x{j}_{i} = rows[{n}, {i}]"
            for j, n in enumerate(at)
            for i in range(d)
            if pattern[j % len(pattern)][i] is None
        ]
        return [*inputs, *(f"t{j}, c{j} = rows[{n}, {d}], rows[{n}, {d + 1}]" for j, n in enumerate(at))]

    def loads(self, targets: bool = False) -> Lines:
        """What each training has of its own rows."""
        if not self.drawn:
            return []
        if targets:
            return [f"t{j} = drawn_targets[{self.at(j)}, r]" for j in range(self.size)]
        return [
            f"x{j}_{i} = drawn_inputs[{self.at(j)}, {i}, r]" for j in range(self.size) for i in range(self.n_inputs)
        ]

    def each(self, form: str, values: Sequence[str] = ()) -> Lines:
        """A line for each row of the group: {j} its number there, {n} its index, {s} its score, {v} its value."""
        return [
            form.format(j=j, n=self.at(j), s=self.score(j), v=values[j] if values else "") for j in range(self.size)
        ]

    def around(self, body: Sequence[str]) -> Lines:
        """The loop over groups, where there is more than one."""
        if not self.loop:
            return list(body)
        shared = self.scalars([self.at(j) for j in range(self.size)])
        return [f"for n0 in range(0, {self.n}, {self.size}):", *indented([*shared, *body])]

    def beforehand(self) -> Lines:
        """What the body needs where there is no loop over groups."""
        return [] if self.loop else self.scalars([str(j) for j in range(self.size)])


class KernelText:
    """Prints the kernel of one condition; what differs only in numbers gives the same text."""

    def __init__(self, condition: Condition) -> None:
        self.condition, self.batch = condition, condition.batch_size
        self.n_inputs, n_rows = condition.task.n_inputs, trained_rows(condition).n_rows
        self.full = Rows(condition, n_rows, drawn=False)
        self.trained = self.full if self.batch is None else Rows(condition, self.batch, drawn=True)
        self.n_rows, self.n_steps = n_rows, -(-n_rows // (self.batch or n_rows))
        self.rules = Rules(condition)
        self.memory = self.rules.optimizer.memory
        self.smooth, self.followed = condition.smooth, condition.followed
        self.shuffled = self.batch is not None and condition.order == "shuffled"
        self.parameters = [*(f"u{d}" for d in range(self.n_inputs)), "b", "w"]

    @cached_property
    def loads(self) -> Lines:
        """A unit's parameters."""
        return [*(f"u{d} = w_in{d}[h, r]" for d in range(self.n_inputs)), "b = bias[h, r]", "w = out[h, r]"]

    def store(self, parameter: str) -> str:
        """Where a parameter of a unit stands."""
        return {"u": f"w_in{parameter[1:]}[h, r]", "b": "bias[h, r]", "w": "out[h, r]", "c": "out_bias[r]"}[
            parameter[0]
        ]

    def gradient_store(self, parameter: str) -> str:
        """Where its gradient waits for its step."""
        first = {"u": f"{parameter[1:]} * hidden + h", "b": f"{self.n_inputs} * hidden + h"}
        first |= {"w": f"{self.n_inputs + 1} * hidden + h", "c": "n_parameters - 1"}
        return f"gradient[{first[parameter[0]]}, r]"

    def move(self, parameter: str, gradient: str) -> Lines:
        """Move a parameter by its gradient, or keep the gradient until all moves are made."""
        if not self.condition.moves(parameter):
            return []
        if self.memory:
            return [f"{self.gradient_store(parameter)} = {gradient}"]
        lines, (moved,) = computed(self.full.stages.step(parameter, gradient), f"p_{parameter}_")
        return [*lines, f"{self.store(parameter)} = {moved}"]

    def activations(self, rows: Rows) -> Lines:
        """All activations of unit h, by a loop of their own."""
        z_lines, z = computed(rows.stages.preactivations(), "z_")
        value_lines, (value,) = computed([rows.stages.value()], "y_")
        return [
            *rows.around(lanes(*self.loads, *rows.loads(), *z_lines, *rows.each("zs[{n}, r] = {v}", z))),
            f"for i in range({rows.n} * LANES):",
            *indented(["z0 = flat_z[i]", *value_lines, f"flat_a[{rows.unit}, i] = {value}"]),
        ]

    def forward(self, rows: Rows, *, marked: bool) -> Lines:
        """The scores of all rows, and which units are alive, if that is `marked`."""
        stages, marked = rows.stages, marked and self.followed
        lines, added = computed(stages.contributions(stages.apart), "x_")
        add = [*lines, *rows.each("{s} += {v}", added)]
        body = [*self.loads, *rows.loads(), *add]
        if stages.apart:
            known = rows.each(f"a{{j}} = activity[{rows.unit}, {{n}}, r]")
            units = [*self.activations(rows), *rows.around(lanes("w = out[h, r]", *known, *add))]
        elif marked:
            units = self.marked(rows, [*body, *self.live_rows(rows)], MARKS)
        else:
            units = rows.around(lanes(*body))
        return [
            *rows.scores_start(),
            *(lanes("lost[r] = 0") if marked else []),
            "for h in range(n_units):",
            *indented(units),
        ]

    @property
    def last_score(self) -> str:
        """The score of the last row."""
        return f"score[{self.n_rows - 1}, r]" if self.full.apart else self.full.score(self.n_rows - 1)

    def live_rows(self, rows: Rows) -> Lines:
        """Whether the unit is alive on one of the rows."""
        lines, (alive,) = computed([rows.stages.alive()], "v_")
        return [*lines, f"alive = 1 if {alive} else 0", *(["live[r] |= alive"] if rows.loop else [])]

    def marked(self, rows: Rows, body: Lines, marks: Lines) -> Lines:
        """Lanes that go over all rows with `body`, and then over the `marks` of the unit."""
        if not rows.loop:
            return lanes(*body, *marks)
        return [*lanes("live[r] = 0"), *rows.around(lanes(*body)), *lanes("alive = live[r]", *marks)]

    def count_dead(self) -> Lines:
        """Marks and numbers of the dead at the end."""
        if self.smooth:
            return []
        marks = ["dead[r] += 1 - alive", *(MARKS if self.followed else ["mark[h, r] = alive"])]
        looked = self.marked(self.full, [*self.loads, *self.live_rows(self.full)], marks)
        return ["for h in range(n_units):", *indented(looked)]

    def output(self, rows: Rows, *, judged: bool, moved: bool) -> Lines:
        """The output: the loss and the success rule, if `judged`; the gradients of the scores, if `moved`."""
        stages, ends = rows.stages, self.judgement() if judged else []
        if rows.apart:
            return self._output_by_rows(rows, ends, judged, moved)
        loss, of_scores, total, solved = stages.output(going_on=False)
        lines, known = computed([loss, solved, total, *of_scores], "e_")
        if not moved:
            lines, known = computed([loss, solved], "e_")
        if not judged:
            lines, rest = computed([total, *of_scores], "e_")
            known = ["", "", *rest]
        return lanes(
            *rows.each("s{j} = {s}"),
            *rows.loads(targets=True),
            *lines,
            *([f"loss[r] = {known[0]}", f"kept_rule = {known[1]}", *ends] if judged else []),
            *([*self.move_output(known[2]), *rows.each("{s} = {v}", known[3:])] if moved else []),
        )

    def _output_by_rows(self, rows: Rows, ends: Lines, judged: bool, moved: bool) -> Lines:
        total, (of_score,), of_bias, fine = rows.one.output(going_on=True)
        wanted = [total] * judged + [of_bias, of_score] * moved + [fine] * (judged and fine is not None)
        lines, known = computed(wanted, "e_")
        stores = ["loss[r]"] * judged + ["of_bias[r]", "score[n, r]"] * moved
        whole, by_loss = rows.one.whole()
        whole_lines, result = computed([whole, by_loss] if fine is None else [whole], "l_")
        targets = ["t0 = drawn_targets[n, r]"] if rows.drawn else []
        of_all = [*whole_lines, f"loss[r] = {result[0]}", f"kept_rule = {(*result, 'fine[r]')[1]}", *ends]
        return [
            *lanes("loss[r] = num(0)" if judged else "pass", "of_bias[r] = num(0)", "fine[r] = True"),
            f"for n in range({rows.n}):",
            *indented([
                *(line for line in rows.scalars(["n"]) if not line.startswith("x")),
                *lanes(
                    "s0 = score[n, r]", *targets, *(["total = loss[r]"] if judged else []), "sum = of_bias[r]", *lines,
                    *(f"{store} = {value}" for store, value in zip(stores, known, strict=False)),
                    *([f"fine[r] &= {known[-1]}"] if judged and fine is not None else []),
                ),
            ]),
            *lanes(
                *(["total = loss[r]", *of_all] if judged else []),
                *(self.move_output("of_bias[r]") if moved else ["pass"]),
            ),
        ]  # fmt: skip

    def judgement(self) -> Lines:
        """What is noted of an epoch."""
        death = ["death[r] = e if (lost[r] != 0) & (death[r] < 0) else death[r]"] if self.followed else []
        return ["unsolved[r] = unsolved[r] if kept_rule else e", *death]

    def move_output(self, gradient: str) -> Lines:
        """Move the output bias."""
        return ["c = out_bias[r]", *self.move("c", gradient)]

    def backward(self, rows: Rows) -> Lines:
        """The gradients of every unit, and its step."""
        stages, before = rows.stages, []
        of_scores, w = rows.each("f{j} = {s}"), "w = out[h, r]"
        if stages.apart and rows.loop:
            before += self.activations(rows)
        if stages.through_apart:
            z_lines, z = computed(stages.preactivations(), "z_")
            through, (passed,) = computed([stages.through()], "y_")
            scaled = rows.each("gs[{n}, r] = f{j} * w")
            before += [
                *rows.around(lanes(
                    *self.loads, *rows.loads(), *of_scores, *z_lines, *rows.each("zs[{n}, r] = {v}", z), *scaled
                )),
                f"for i in range({rows.n} * LANES):",
                *indented([
                    "z0, g0 = flat_z[i], flat_g[i]",
                    *([f"a0 = flat_a[{rows.unit}, i]"] if stages.apart else []),
                    *through, f"flat_g[i] = {passed}",
                ]),
            ]  # fmt: skip
        known = rows.each(f"a{{j}} = activity[{rows.unit}, {{n}}, r]") if stages.apart else []
        known += rows.each("g{j} = gs[{n}, r]") if stages.through_apart else []
        lines, found = computed(stages.unit(stages.apart, stages.through_apart, rows.loop), "q_")
        body = [*self.loads, *rows.loads(), *of_scores, *known]
        sums = [f"sums[{i}, r]" for i in range(len(self.parameters))]
        if rows.loop:
            before += lanes(*(f"{place} = num(0)" for place in sums))
            so_far = [f"g_{name} = {place}" for name, place in zip(self.parameters, sums, strict=True)]
            stores = [f"{place} = {value}" for place, value in zip(sums, found, strict=True)]
            before += rows.around(lanes(*body, *so_far, *lines, *stores))
            body, lines, found = self.loads, [], sums
        moves = [line for name, g in zip(self.parameters, found, strict=True) for line in self.move(name, g)]
        return ["for h in range(n_units):", *indented([*before, *lanes(*body, *lines, *(moves or [w]))])]

    def steps(self) -> Lines:
        """The steps of all parameters, where each remembers something."""
        if not self.memory:
            return []
        d, ranges = self.n_inputs, list[tuple[str, str]]()
        bounds = ["0", f"{d} * hidden", f"{d + 1} * hidden", f"{d + 2} * hidden", "n_parameters"]
        for parameter, first, last in zip("ubwc", bounds, bounds[1:], strict=False):
            if self.condition.moves(parameter):
                begin = ranges.pop()[0] if ranges and ranges[-1][1] == first else first
                ranges.append((begin, last))
        lines, (moved, *remembered) = computed(self.full.stages.step("p", "g"), "o_")
        body = [
            "p, g = flat[i], flat_gradient[i]",
            *(f"m{j} = memory{j}[i]" for j in range(self.memory)),
            *lines,
            f"flat[i] = {moved}",
            *(f"memory{j}[i] = {value}" for j, value in enumerate(remembered)),
        ]
        loops = [[f"for i in range({first} * LANES, {last} * LANES):", *indented(body)] for first, last in ranges]
        return [line for loop in loops for line in loop]

    def clock(self) -> Lines:
        """The powers that a step needs."""
        n = len(self.rules.optimizer.powers)
        return [line for i in range(n) for line in (f"power{i} *= powers[{n + i}]", f"left{i} = num(1.0 - power{i})")]

    def epoch(self) -> Lines:
        """From the start of an epoch to its end, without what is noted of its losses."""
        if self.batch is None:
            return [
                *self.forward(self.full, marked=True),
                *(
                    WATCH.format(last=self.last_score, inputs=self.n_inputs).splitlines()
                    if self.condition.repeats
                    else []
                ),
                *self.clock(),
                *self.output(self.full, judged=True, moved=True),
                *self.backward(self.full),
                *self.steps(),
            ]
        rows = self.trained
        return [
            *(SHUFFLE.format(n=self.n_rows).splitlines() if self.shuffled else []),
            *self.full.beforehand(),
            *self.forward(self.full, marked=True),
            *self.output(self.full, judged=True, moved=False),
            f"for step in range({self.n_steps}):",
            *indented([
                f"for n in range({self.batch}):",
                *indented(lanes(
                    f"row = order[step * {self.batch} + n, r]",
                    *(f"drawn_inputs[n, {d}, r] = rows[row, {d}]" for d in range(self.n_inputs)),
                    f"drawn_targets[n, r] = rows[row, {self.n_inputs}]",
                )),
                *rows.beforehand(),
                *self.clock(),
                *self.forward(rows, marked=False),
                *self.output(rows, judged=False, moved=True),
                *self.backward(rows),
                *self.steps(),
            ]),
        ]  # fmt: skip

    def arrays(self) -> Lines:
        """The numbers of a condition and the arrays of a block, as far as they are used."""
        d, full, trained = self.n_inputs, self.full, self.trained
        n, stages = max(full.n, trained.n), full.stages
        kept = "1" if full.loop and trained.loop else "hidden"
        lines = [f"k_{name} = numbers[{i}]" for i, name in enumerate(self.rules.numbers)]
        lines += [
            *(f"w_in{i} = state[{i} * hidden : {i + 1} * hidden]" for i in range(d)),
            f"bias, out = state[{d} * hidden : {d + 1} * hidden], state[{d + 1} * hidden : {d + 2} * hidden]",
            f"out_bias, score = state[n_parameters - 1], np.empty(({n}, LANES), num)",
            *(f"score{j} = np.empty(LANES, num)" for j in range(n) if not (full.apart and trained.apart)),
            f"of_bias, fine, sums = np.empty(LANES, num), np.empty(LANES, np.bool_), np.empty(({d + 2}, LANES), num)",
        ]
        if stages.apart or stages.through_apart:
            lines += [f"zs, activity = np.empty(({n}, LANES), num), np.empty(({kept}, {n}, LANES), num)"]
            lines += [f"flat_z, flat_a = zs.reshape(-1), activity.reshape(({kept}, {n} * LANES))"]
            lines += [f"gs = np.empty(({n}, LANES), num)", "flat_g = gs.reshape(-1)"]
        if self.memory:
            lines += ["gradient = np.zeros((n_parameters, LANES), num)", "flat_gradient = gradient.reshape(-1)"]
            lines += [
                f"memory{j} = flat[{j + 1} * n_parameters * LANES : {j + 2} * n_parameters * LANES]"
                for j in range(self.memory)
            ]
        if self.batch is not None:
            positions = self.n_steps * self.batch
            lines += [f"order = np.zeros(({positions}, LANES), np.int32)"]
            lines += [f"for n in range({self.n_rows}):", *indented(lanes("order[n, r] = n"))]
            lines += [f"drawn_inputs = np.zeros(({trained.n}, {d}, LANES), num)"]
            lines += [f"drawn_targets = np.zeros(({trained.n}, LANES), num)"]
            lines += [f"keys, of_epoch = np.empty(({self.n_rows}, LANES), np.uint64), np.empty(LANES, np.uint64)"]
            lines += ["place = np.empty(LANES, np.int32)"]
        return [*lines, *full.beforehand()]

    def text(self) -> str:
        """The source of a module with the function `kernel`."""
        dtype, powers = np.dtype(self.condition.numpy_dtype), range(len(self.rules.optimizer.powers))
        head = HEAD.format(num=dtype.name, integer=f"int{8 * dtype.itemsize}")
        kernel = KERNEL.format(
            remembered=1 + self.memory,
            parts=self.n_inputs + 2,
            mark="marks[h, block, r]" if self.followed else "0",
            before="\n".join(indented(self.arrays())),
            clock="\n".join(indented([f"power{i} = powers[{i}]" for i in powers], 2)),
            epoch="\n".join(indented(self.epoch(), 3)),
            dead="\n".join(indented([*self.full.beforehand(), *self.count_dead()], 2)),
        )
        return head + (MIX if self.shuffled else "") + kernel


class Printed(NamedTuple):
    """A kernel's text, and the sizes of the arrays that it wants: rows of the table, and places in a mini-batch."""

    text: str
    n_rows: int
    n_places: int


def printed(condition: Condition) -> Printed:
    """The kernel of a condition, printed only once for all that differ in numbers alone."""
    values = (
        getattr(condition, name) for name in FIELDS if name not in ("hidden", "init", "epochs", "rescue", "success")
    )
    kind = (condition.success.rule, condition.success.ties, *(v for v in values if not isinstance(v, float)))
    if kind not in _PRINTED:
        kernel = KernelText(condition)
        _PRINTED[kind] = Printed(kernel.text(), kernel.full.n, kernel.trained.n)
    return _PRINTED[kind]


_PRINTED: dict[tuple[object, ...], Printed] = {}
