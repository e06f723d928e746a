"""Numbers of the processor: rules called with them leave vector instructions, for many trainings at once.

`Machine` is a tape (`nnxor.arithmetic.numbers`) that notes nothing: it builds each operation as an instruction of LLVM,
by way of llvmlite. No instruction is marked as fast-math, so that each gives one correctly rounded result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from nnxor.arithmetic.numbers import Number, Symbol, Tape, layout

Value = Any  # A value of LLVM

LONG, POINTER = ir.IntType(64), ir.PointerType()
REALS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv", "&": "and_", "|": "or_"}
UNARY = {"neg": "fneg", "~": "not_"}
INTRINSICS = {"sqrt": "sqrt", "abs": "fabs"}


class Machine(Tape):
    """Builds a function; its numbers are vectors of `width` trainings."""

    def __init__(self, module: ir.Module, name: str, arguments: Sequence[ir.Type], dtype: np.dtype, width: int) -> None:
        super().__init__(dtype)
        self.width, self.real = width, REALS[np.dtype(dtype).name]
        self.vector = ir.VectorType(self.real, width)
        self.integers = ir.VectorType(ir.IntType(8 * dtype.itemsize), width)
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
        for argument in self.function.args:
            if argument.type == POINTER:
                argument.add_attribute("noalias")
        self._entry = self.function.append_basic_block()
        self.build = ir.IRBuilder(self._entry)

    # numbers

    def wrap(self, value: Value) -> Symbol:
        """A value as a number."""
        return Symbol(self, "value", (value,), self.dtype)

    def number(self, value: object, dtype: np.dtype) -> Symbol:
        """A number as it is; another value as a constant, rounded to the dtype."""
        return value if isinstance(value, Symbol) else self.wrap(self._constant(dtype.type(value).item()))

    def result(self, operation: str, arguments: tuple[Symbol, ...], dtype: np.dtype) -> Symbol:
        """The instruction of an operation."""
        return Symbol(self, "value", (self._instruction(operation, [value_of(a) for a in arguments]),), dtype)

    def _constant(self, value: float, kind: ir.VectorType | None = None) -> ir.Constant:
        kind = kind or self.vector
        return ir.Constant(kind, [kind.element(value)] * self.width)

    def _instruction(self, operation: str, values: list[Value]) -> Value:
        build, bits = self.build, layout(self.dtype)
        if operation in ARITHMETIC:
            return getattr(build, ARITHMETIC[operation])(*values)
        if operation in UNARY:
            return getattr(build, UNARY[operation])(*values)
        if operation in INTRINSICS:
            return build.call(self._intrinsic(INTRINSICS[operation]), values)
        if operation == "where":
            return build.select(*values)
        if operation == "power_of_two":
            whole = build.fptosi(build.fadd(values[0], self._constant(bits.bias)), self.integers)
            return build.bitcast(build.shl(whole, self._constant(bits.mantissa, self.integers)), self.vector)
        if operation == "exponent":
            whole = build.ashr(build.bitcast(values[0], self.integers), self._constant(bits.mantissa, self.integers))
            return build.fsub(build.sitofp(whole, self.vector), self._constant(bits.bias))
        return build.fcmp_ordered(operation, *values)

    def _intrinsic(self, name: str) -> ir.Function:
        name = f"llvm.{name}.v{self.width}f{8 * self.dtype.itemsize}"
        known = self.function.module.globals
        return known.get(name) or ir.Function(self.function.module, ir.FunctionType(self.vector, [self.vector]), name)

    # memory: arrays of the dtype, or of the type `of`, counted in elements

    def load(self, array: Value, at: Value | int) -> Symbol:
        """The numbers of all trainings from a place on."""
        return self.wrap(self.read(array, at, self.vector))

    def read(self, array: Value, at: Value | int, kind: ir.Type) -> Value:
        """A value of a type."""
        return self.build.load(self._place(array, at, kind), typ=kind, align=self._align(kind))

    def share(self, array: Value, at: Value | int) -> Symbol:
        """One number for all trainings."""
        return self.wrap(self.everywhere(self.read(array, at, self.real)))

    def everywhere(self, value: Value) -> Value:
        """A vector of a value."""
        kind = ir.VectorType(value.type, self.width)
        one = self.build.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.width), None)
        return self.build.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)

    def store(self, array: Value, at: Value | int, value: Number | Value) -> None:
        """Put a number, or another value, somewhere."""
        what = value_of(value)
        self.build.store(what, self._place(array, at, what.type), align=self._align(what.type))

    def _place(self, array: Value, at: Value | int, kind: ir.Type) -> Value:
        element = kind.element if isinstance(kind, ir.VectorType) else kind
        return self.build.gep(array, [index(at)], source_etype=element)

    def _align(self, kind: ir.Type) -> int:
        element = kind.element if isinstance(kind, ir.VectorType) else kind
        return {"float": 4, "i32": 4}.get(str(element), 8)

    def is_there(self, array: Value) -> Value:
        """Whether an array is given, and not null."""
        return self.build.icmp_unsigned("!=", self.build.ptrtoint(array, LONG), LONG(0))

    def some(self, truths: Value) -> Value:
        """Whether something is so of any training."""
        bits = ir.IntType(self.width)
        return self.build.icmp_unsigned("!=", self.build.bitcast(truths, bits), bits(0))

    def cell(self, first: Number | Value) -> Cell:
        """A variable."""
        value = value_of(first)
        with self.build.goto_block(self._entry):
            self.build.position_at_start(self._entry)
            place = self.build.alloca(value.type)
        cell = Cell(self, place, value.type, isinstance(first, Symbol))
        cell.set(value)
        return cell

    # whole numbers

    def plus(self, *terms: Value | int) -> Value:
        """The sum of whole numbers."""
        total, *more = (index(term) for term in terms)
        for term in more:
            total = self.build.add(total, term)
        return total

    def times(self, value: Value, factor: Value | int) -> Value:
        """The product of whole numbers."""
        return self.build.mul(index(value), index(factor))

    @contextmanager
    def loop(
        self, first: Value | int, last: Value | int, step: int = 1, going: Callable[[], Value] | None = None
    ) -> Iterator[Value]:
        """What is built inside happens for each number from `first` on, without `last`, and while it is `going`."""
        build, first, last = self.build, index(first), index(last)
        before, head, body, after = (build.block, *(self.function.append_basic_block() for _ in range(3)))
        build.branch(head)
        build.position_at_end(head)
        i = build.phi(LONG)
        i.add_incoming(first, before)
        more = build.icmp_signed("<", i, last)
        build.cbranch(build.and_(more, going()) if going else more, body, after)
        build.position_at_end(body)
        yield i
        i.add_incoming(build.add(i, index(step)), build.block)
        build.branch(head)
        build.position_at_end(after)


class Cell(NamedTuple):
    """A variable: a number, or another value, that changes."""

    machine: Machine
    place: Value
    kind: ir.Type
    is_number: bool

    def get(self) -> Any:
        """What it holds."""
        value = self.machine.build.load(self.place, typ=self.kind)
        return self.machine.wrap(value) if self.is_number else value

    def set(self, value: Number | Value) -> None:
        """Let it hold another value."""
        self.machine.build.store(value_of(value), self.place)


class Word(NamedTuple):
    """A vector of words of 64 bits, on which `nnxor.network.minibatches.mix` works as on arrays of them."""

    machine: Machine
    value: Value

    def __xor__(self, other: Word) -> Word:
        return Word(self.machine, self.machine.build.xor(self.value, other.value))

    def __rshift__(self, other: Any) -> Word:
        return Word(self.machine, self.machine.build.lshr(self.value, self._of(other)))

    def __mul__(self, other: Any) -> Word:
        return Word(self.machine, self.machine.build.mul(self.value, self._of(other)))

    def _of(self, word: Any) -> ir.Constant:
        return ir.Constant(self.value.type, [int(word)] * self.machine.width)


def value_of(number: Number | Value) -> Value:
    """The value of a number."""
    return number.arguments[0] if isinstance(number, Symbol) else number


def index(value: Value | int) -> Value:
    """A whole number as a value."""
    return LONG(value) if isinstance(value, int) else value


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True)


@cache
def vector_bytes() -> int:
    """The bytes of a vector of this processor, about: the compiler splits what is longer than its own."""
    return 64 if llvm.get_host_cpu_features().get("avx512f") else 32


@cache
def functions(text: str) -> dict[str, int]:
    """The addresses of the functions of a module."""
    module, machine = llvm.parse_assembly(text), _target()
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _ENGINES.append(engine)
    return {f.name: engine.get_function_address(f.name) for f in module.functions if not f.is_declaration}


_ENGINES: list[Any] = []  # what holds the code of the functions: it must outlive them
