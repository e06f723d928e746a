"""Numbers in registers: rules that are called with them build vector instructions, for many trainings at once.

`Machine` is a tape (`nnxor.arithmetic.numbers`) that builds each operation as an LLVM instruction, by way of llvmlite.
No instruction is marked as fast-math, so that each gives one correctly rounded result. Integers and booleans are
symbols as well, so that the code around the rules is written with Python's operators too. Quotients and comparisons of
whole numbers are those of signed ones, `>>` is that of words.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from nnxor.arithmetic.numbers import Symbol

Value = Any  # a `Symbol`: real numbers, booleans or integers, one for each training or one for all
Pointer = Any  # where an array begins, as LLVM knows it

INT, LONG, POINTER = ir.IntType(32), ir.IntType(64), ir.PointerType()
FLOAT, DOUBLE = ir.FloatType(), ir.DoubleType()
OF_REALS = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv", "neg": "fneg"}
OF_WHOLES = {
    "+": "add", "-": "sub", "*": "mul", "//": "sdiv", "%": "srem", "<<": "shl", ">>": "lshr",
    "&": "and_", "|": "or_", "^": "xor", "~": "not_", "where": "select",
}  # fmt: skip
INTRINSICS = {"sqrt": "llvm.sqrt", "abs": "llvm.fabs"}


class Machine:
    """Builds a function of so many arrays and whole numbers; its numbers are vectors of `width` trainings."""

    def __init__(self, n_arrays: int, n_numbers: int, dtype: np.dtype, width: int) -> None:
        self.dtype, self.width = np.dtype(dtype), width
        self.real = FLOAT if self.dtype == np.float32 else DOUBLE
        self.vector, self.ints, self.words = (ir.VectorType(kind, width) for kind in (self.real, INT, LONG))
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * n_arrays + [LONG] * n_numbers)
        self.function = ir.Function(ir.Module("nnxor"), kind, "function")
        arrays, numbers = self.function.args[:n_arrays], self.function.args[n_arrays:]
        for array in arrays:
            array.add_attribute("noalias")
        self.arguments = [*arrays, *map(self.wrap, numbers)]
        self._entry = self.function.append_basic_block()
        self.build = ir.IRBuilder(self._entry)
        self._constants: dict[tuple[str, str], Value] = {}  # each keeps its text, which takes long to write

    def text(self) -> str:
        """The text of a module of LLVM with the function, when all is built."""
        self.build.ret_void()
        return str(self.function.module)

    def wrap(self, value: Any) -> Value:
        """A value of LLVM as one with operators."""
        return Symbol(self, value)

    def constant(self, value: Any, like: Value | ir.Type | None = None) -> Value:
        """A known number everywhere, rounded to the dtype, or a constant of another value's type, or of a type."""
        kind = like.node.type if isinstance(like, Symbol) else like or self.vector
        known = int(value) if isinstance(_scalar(kind), ir.IntType) else self.dtype.type(value).item()
        return self._constants.setdefault((str(kind), repr(known)), self.wrap(ir.Constant(kind, known)))

    def long(self, value: Value | int) -> Value:
        """A whole number for all."""
        return self.constant(value, LONG) if isinstance(value, int) else value

    def result(self, operation: str, arguments: tuple[Value, ...]) -> Value:
        """The instruction of an operation."""
        build, about, values = self.build, np.finfo(self.dtype), [each.node for each in arguments]
        whole = isinstance(_scalar(values[0].type), ir.IntType)
        integers = self.ints if self.real == FLOAT else self.words
        if name := (OF_WHOLES if whole else OF_REALS).get(operation):
            return self.wrap(getattr(build, name)(*values))
        if operation in INTRINSICS:
            name, module = f"{INTRINSICS[operation]}.v{self.width}f{about.bits}", self.function.module
            kind = ir.FunctionType(self.vector, [self.vector])
            return self.wrap(build.call(module.globals.get(name) or ir.Function(module, kind, name), values))
        if operation == "power_of_two":
            n = self.cast("fptosi", arguments[0] + (about.maxexp - 1), integers)
            return self.cast("bitcast", n << about.nmant, self.vector)
        if operation == "exponent":
            n = self.cast("bitcast", arguments[0], integers) >> about.nmant
            return self.cast("sitofp", n, self.vector) - (about.maxexp - 1)
        compare = build.icmp_signed if whole else build.fcmp_ordered
        return self.wrap(compare(operation, *values))

    def cast(self, how: str, value: Value, kind: ir.Type) -> Value:
        """A value in another type, by the instruction of that name; as it is where it is of that type."""
        return self.wrap(getattr(self.build, how)(value.node, kind))

    def everywhere(self, value: Value) -> Value:
        """A vector of a value."""
        build, kind = self.build, ir.VectorType(value.node.type, self.width)
        one = build.insert_element(ir.Constant(kind, ir.Undefined), value.node, INT(0))
        return self.wrap(build.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(self.ints, None)))

    def some(self, truths: Value) -> Value:
        """Whether a boolean is true for any training."""
        return self.cast("bitcast", truths, ir.IntType(self.width)) != 0

    def read(self, array: Pointer, at: Value | int, kind: ir.Type | None = None) -> Value:
        """The values of all trainings from a place on, or one of another type."""
        return Cell(self, array, at, kind or self.vector).get()

    def store(self, array: Pointer, at: Value | int, value: Value) -> None:
        """Put a value somewhere."""
        Cell(self, array, at, value.node.type).set(value)

    def share(self, array: Pointer, at: Value | int) -> Value:
        """One number for all trainings."""
        return self.everywhere(self.read(array, at, self.real))

    def is_there(self, array: Pointer) -> Value:
        """Whether an array is given, and not null."""
        return self.wrap(self.build.ptrtoint(array, LONG)) != 0

    def cell(self, first: Value) -> Cell:
        """A variable."""
        with self.build.goto_block(self._entry):
            self.build.position_at_start(self._entry)
            place = self.build.alloca(first.node.type)
        cell = Cell(self, place, 0, first.node.type)
        cell.set(first)
        return cell

    def when(self, truth: Value) -> Any:
        """Instructions that are built inside are executed only then."""
        return self.build.if_then(truth.node)

    @contextmanager
    def loop(
        self, first: Value | int, last: Value | int, step: int = 1, going: Callable[[], Value] | None = None
    ) -> Iterator[Value]:
        """Instructions built inside are executed for each number from `first` to before `last`, while it is `going`."""
        build, first, last = self.build, self.long(first), self.long(last)
        before, head, body, after = (build.block, *(self.function.append_basic_block() for _ in range(3)))
        build.branch(head)
        build.position_at_end(head)
        phi = build.phi(LONG)
        phi.add_incoming(first.node, before)
        i = self.wrap(phi)
        more = i < last
        build.cbranch((more & going() if going else more).node, body, after)
        build.position_at_end(body)
        yield i
        phi.add_incoming((i + step).node, build.block)
        build.branch(head)
        build.position_at_end(after)


class Cell(NamedTuple):
    """Where a value stands: a variable, or a place in an array, counted in its elements."""

    machine: Machine
    array: Pointer
    at: Value | int
    kind: ir.Type

    def get(self) -> Value:
        """What stands there."""
        return self.machine.wrap(self.machine.build.load(self._place(), typ=self.kind, align=self._align()))

    def set(self, value: Value) -> None:
        """Let another value stand there."""
        self.machine.build.store(value.node, self._place(), align=self._align())

    def _place(self) -> Pointer:
        return self.machine.build.gep(self.array, [self.machine.long(self.at).node], source_etype=_scalar(self.kind))

    def _align(self) -> int:
        return {"i1": 1, "float": 4, "i32": 4}.get(str(_scalar(self.kind)), 8)


def _scalar(kind: ir.Type) -> ir.Type:
    """The type of one number."""
    return kind.element if isinstance(kind, ir.VectorType) else kind


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True)


@cache
def vector_bytes(n_numbers: int) -> int:
    """The bytes of a vector: about one of this processor's, or two where registers bear it (docs/speed.md)."""
    if not llvm.get_host_cpu_features().get("avx512f"):
        return 32  # the compiler splits longer ones
    return 128 if n_numbers <= 4 else 64


@cache
def compiled(text: str) -> Callable[..., None]:
    """The function of a module, which takes addresses of arrays and whole numbers."""
    module, machine = llvm.parse_assembly(text), _target()
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    passes = llvm.create_new_module_pass_manager()  # LLVM's own list takes eight times as long and gains nothing
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _ENGINES.append(engine)
    arguments = [str(each.type) for each in module.get_function("function").arguments]
    kinds = [ctypes.c_int64 if kind == "i64" else ctypes.c_void_p for kind in arguments]
    return ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address("function"))


_ENGINES: list[Any] = []  # what holds the code of the functions: it must outlive them
