"""A study: one question, the conditions that answer it, and the seeds of each condition."""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.entry import InputError
from experiments.study import catalog, given_fields
from experiments.study.checked import checked, known_keys, section
from experiments.study.given_fields import AXES, FILES, SUCCESS
from nnxor import checks
from nnxor.condition import Condition, plain
from nnxor.network.inits_in_yaml import GivenWeights

MOST_TRAININGS = {"trials": 10**9, "summary": 10**11}  # rows of some 36 GB, or bits of some 13 GB and the counts
MOST_CONDITIONS = 100_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
KEYS = (  # of a study's file
    "name", "question", "asks", "hero", "base", "grid", "blocks", "exclude", "seeds", "success", "record", "certify",
    "union", "published",
)  # fmt: skip

PUBLISHED: dict[str, checks.Check] = {
    "source": checks.instance(str, "who published it and where, in words"),
    "setting": checks.instance(str, "what they did, in words"),
    "where": checks.instance(Mapping, "{field: value or values}"),
    "solved": checks.optional(checks.number(lambda value: 0 <= value <= 1, "a share from 0 to 1")),
    "n": checks.optional(checks.whole(1)),
    "error": checks.optional(checks.number(lambda value: value > 0, "a mean error of the rows, above 0")),
    **{name: lambda value: str(value or "") for name in ("says", "quoted", "note")},
}
"""What a published figure holds: which conditions repeat its setting, and the share that others report of n runs or,
where no share is given, what they say in words and maybe the mean absolute error of the rows, to compare digits."""

Config = Mapping[str, Any]
Grid = dict[str, tuple[object, ...]]  # fields and the values that they take


@dataclass(frozen=True)
class Study:
    """One question: conditions in the order of their fields, and the same seeds for each."""

    name: str
    question: str
    conditions: tuple[Condition, ...]
    seeds: range
    record: str = "trials"  # what is kept: a row a training, or counts alone (`summary`)
    certify: bool = False  # whether stuck runs get certificates (`nnxor.landscape.certificate`)
    published: tuple[Mapping[str, Any], ...] = ()  # what others report of some conditions
    # Of task and init what is no name in conf (a file's path, say), by the name that conditions know.
    given: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def n_trainings(self) -> int:
        """Number of trainings."""
        return sum(len(self.seeds_of(condition)) for condition in self.conditions)

    def seeds_of(self, condition: Condition) -> range:
        """The seeds of a condition: the study's, or those of them for which its weights are given."""
        if isinstance(condition.init, GivenWeights):
            return range(self.seeds.start, min(self.seeds.stop, condition.init.n_sets))
        return self.seeds

    @property
    def swept(self) -> tuple[str, ...]:
        """The fields that take more than one value."""
        rows = [condition.values() for condition in self.conditions]
        return tuple(name for name in rows[0] if len({row[name] for row in rows}) > 1)


def read_study(config: Config) -> Study:
    """The study that a composed configuration describes; InputError names what is wrong with it."""
    seeds, parts = _seeds(config["seeds"]), _parts(config)
    each = [_conditions(part) for part in parts]
    united = {one.key: one for mine in each for one in mine}.values()  # numbers by size, names by alphabet, None first
    conditions = tuple(sorted(united, key=lambda one: [(value is not None, value) for value in one.values().values()]))
    record = checked("record", config["record"], checks.choice(MOST_TRAININGS))
    _refuse_clashes(conditions, seeds, record)
    asks = _listed(config["asks"])
    for asked in asks:
        checked("asks", asked, checks.choice(AXES))
    if len({*asks}) < len(asks) or (config["asks"] is not None and not asks):
        raise InputError(f"asks={config['asks']} is not allowed; allowed: fields, each once")
    name = _text("name", config["name"], NAME.fullmatch, "letters, digits, '.', '_' and '-', at most 100")
    question = _text("question", config["question"], lambda text: text.strip() and text.isprintable(), "a sentence")
    certify = checked("certify", config["certify"], checks.switch)
    published = tuple(itertools.chain.from_iterable(map(_published, parts, each)))
    given = {kind: _given(kind, parts) for kind in FILES}
    return Study(name, question, conditions, seeds, record, certify, published, given)


def effective(config: Config) -> dict[str, object]:
    """What config.yaml keeps and `--cfg job` shows: the configuration with its defaults filled in."""
    study, shown = read_study(config), {key: config[key] for key in KEYS}
    if config["union"] is not None:  # whose studies hold the values
        return shown
    base, grid = (_written_out(config[key]) for key in ("base", "grid"))
    blocks, exclude = ([*map(_written_out, _listed(config[key]))] or None for key in ("blocks", "exclude"))
    published = [{**entry, "where": _written_out(entry["where"])} for entry in _listed(config["published"])] or None
    swept = {name for each in (grid, *(blocks or ())) for name, value in each.items() if value is not None}
    for name in AXES:
        if base.get(name) is None and name not in swept and any(each.uses(name) for each in study.conditions):
            base[name] = plain(getattr(Condition, name))
    success = given_fields.read_success(config["success"])
    used = "ties" if success.sides else "tolerance"
    rule = {**(config["success"] or {}), "rule": success.rule, used: getattr(success, used)}
    told = {"base": base, "grid": grid, "blocks": blocks, "exclude": exclude, "published": published, "success": rule}
    return shown | told


def _written_out(section: Mapping[str, object] | None) -> dict[str, Any]:
    """A section of fields, in which a name from the user's folder is replaced by the content of its file."""
    values = (section or {}).items()
    return {name: catalog.written_out(name, value) if name in FILES else value for name, value in values}


def _given(name: str, parts: list[Config]) -> dict[str, object]:
    """The values of a field that are no name in conf, by the name that conditions know them by."""
    sections = [each for part in parts for each in (part["base"], part["grid"], *_listed(part["blocks"]))]
    values = [value for each in sections for value in _listed(_written_out(each).get(name))]
    return {FILES[name](name, value).name: value for value in values if value not in catalog.names(name)}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(key: str, value: object, fits: Callable[[str], object], allowed: str) -> str:
    if value == "???":
        raise InputError(f"{key} is missing: a study's file begins with '# @package _global_' and holds a {key}")
    return str(checked(key, value, checks.allowing(lambda text: isinstance(text, str) and bool(fits(text)), allowed)))


def _entries(key: str, value: object, entries: str) -> list[Any]:
    return list(checked(key, [] if value is None else value, checks.instance(list, f"a list of {entries}")))


def _seeds(given: object) -> range:
    start, count = section("seeds", given, {"start": checks.whole(0), "count": checks.whole(1)}).values()
    if start + count > 2**63:
        raise InputError(f"seeds.start={start} with seeds.count={count} goes beyond the last seed, 2**63 - 1")
    return range(start, start + count)


def _refuse_clashes(conditions: tuple[Condition, ...], seeds: range, record: str) -> None:
    """InputError for what is never solved, two tasks or inits of one name, and more seeds or trainings than can be."""
    seen: dict[tuple[str, str], object] = {}
    for condition in conditions:
        if why := condition.out_of_reach():
            raise InputError(why)
        init = condition.init
        for kind, value in (("task", condition.task), ("init", init)):
            if seen.setdefault((kind, value.name), value) != value:
                raise InputError(f"two different {kind}s are called {value.name}; give one of them another name")
        sets = init.n_sets if isinstance(init, GivenWeights) else 0  # a single set is that of seed 0 alone
        if sets and (seeds.start >= sets or (sets > 1 and seeds.stop > sets)):
            held = f"init={init.name} holds {sets} sets of weights, for the seeds 0 to {sets - 1}"
            raise InputError(f"{held}; seeds.start={seeds.start} and seeds.count={len(seeds)} ask for more")
        if record == "summary" and condition.rescue:
            raise InputError("record=summary cannot pair rescued runs one by one; allowed with rescue: record=trials")
    most, n = MOST_TRAININGS[record], len(conditions) * len(seeds)
    if n > most:
        more = f", or {MOST_TRAININGS['summary']:,} with record=summary" if record == "trials" else ""
        raise InputError(f"seeds.count={len(seeds)} makes {n:,} trainings; allowed: at most {most:,}{more}")


def _parts(config: Config) -> list[Config]:
    """The configurations whose conditions a study unites: its own, or those of the studies that it names."""
    if config["union"] is None:
        return [config]
    for key in ("blocks", "exclude", "published"):
        if config[key] is not None:
            raise InputError(f"union and {key} cannot go together; give {key} to a study that union names")
    base, grid = (given_fields.of_section(key, config[key]) for key in ("base", "grid"))
    rule = {key: value for key, value in known_keys("success", config["success"], SUCCESS).items() if value is not None}
    parts: list[Config] = []
    for name in _entries("union", config["union"] or "[]", "studies, at least one"):
        checked("union", name, checks.instance(str, "names of studies"))
        part = {**dict.fromkeys(KEYS), **catalog.read("study", name, "union")}
        if part["union"] is not None:
            why = f"names {name}, which is a union itself; name the studies that it unites"
            raise InputError(f"union={config['union']} {why}")
        # What the union says of fields holds for all: what it fixes is swept no more, what it sweeps is not fixed.
        fixed, swept = (given_fields.of_section(key, part[key]) for key in ("base", "grid"))
        part["base"] = {key: value for key, value in fixed.items() if key not in grid} | base
        part["grid"] = {key: value for key, value in swept.items() if key not in base} | grid
        part["success"] = rule if "rule" in rule else known_keys("success", part["success"], SUCCESS) | rule
        parts.append(part)
    return parts


def _published(config: Config, conditions: tuple[Condition, ...]) -> Iterator[dict[str, Any]]:
    """What others have published, each with the keys of the conditions that repeat its setting."""
    for number, entry in enumerate(_entries("published", config["published"], "{source: ..., where: ...}")):
        where = f"published[{number}]"
        about = section(where, entry, PUBLISHED)
        if (about["solved"] is None) != (about["n"] is None) or (about["solved"] is None) != bool(about["says"]):
            raise InputError(f"{where} needs solved and n, or says in words")
        chosen = _choice(f"{where}.where", about.pop("where"))
        keys = [condition.key for condition in conditions if _matches(condition, chosen)]
        if not keys:
            raise InputError(f"{where}.where={entry['where']} matches no condition of the study")
        yield {**about, "conditions": keys}


def _conditions(config: Config) -> tuple[Condition, ...]:
    fixed, grids = given_fields.read_fields("base", config["base"]), _grids(config)
    n = sum(math.prod(map(len, grid.values())) for grid in grids)
    if n > MOST_CONDITIONS:  # before any is made
        raise InputError(f"the grid has {n:,} combinations; allowed: at most {MOST_CONDITIONS:,}")
    for name in fixed:
        if all(name in grid for grid in grids):
            why = f"the grid sweeps {name}; use grid.{name}"
            raise InputError(f"base.{name}={config['base'][name]} would do nothing, since {why}")
    listed = _entries("exclude", config["exclude"], "{field: value or values}")
    excluded = [_choice(f"exclude[{n}]", entry) for n, entry in enumerate(listed)]
    found: dict[str, Condition] = {}
    matched: set[int] = set()
    for grid in grids:
        for values in itertools.product(*grid.values()):
            condition = given_fields.make_condition({**fixed, **dict(zip(grid, values, strict=True))})
            hits = {n for n, entry in enumerate(excluded) if _matches(condition, entry)}
            matched |= hits
            if not hits:
                found.setdefault(condition.key, condition)
    for n, entry in enumerate(excluded):
        if n not in matched:
            words = ", ".join(f"{k}={','.join(str(plain(v)) for v in vs)}" for k, vs in entry.items())
            raise InputError(f"exclude[{n}] ({words}) matches no condition; leave it out")
    if not found:
        raise InputError("exclude leaves no condition; a study needs at least one")
    given_fields.refuse_useless({*fixed, *itertools.chain.from_iterable(grids)}, list(found.values()))
    return tuple(found.values())


def _grids(config: Config) -> list[Grid]:
    """The grids whose union the study is, with the success rule as one of their fields."""
    common, rule, found = _grid("grid", config["grid"]), known_keys("success", config["success"], SUCCESS), []
    blocks = [{}] if config["blocks"] is None else _entries("blocks", config["blocks"] or "[]", "grids, at least one")
    for n, block in enumerate(blocks):
        own = known_keys(f"blocks[{n}]", block, (*AXES, "success"))
        where = f"blocks[{n}].success" if "success" in own else "success"
        success = known_keys(where, own.pop("success", None), SUCCESS)
        success = success if "rule" in success else {**rule, **success}
        found.append({**common, **_grid(f"blocks[{n}]", own), "success": (given_fields.read_success(success, where),)})
    return found


def _grid(where: str, given: object) -> Grid:
    grid: Grid = {}
    for name, value in given_fields.of_section(where, given).items():
        spelt = given_fields.spell_out(f"{where}.{name}", name, _listed(value))
        if not spelt:
            raise InputError(f"{where}.{name}=[] is empty; allowed: a value or a list of values")
        values = grid[name] = tuple(given_fields.read_field(where, name, each) for each in spelt)
        if len(set(values)) < len(values):
            twice = next(each for n, each in enumerate(values) if each in values[:n])
            raise InputError(f"{where}.{name} holds {plain(twice)} twice; allowed: each value once")
    return grid


def _choice(where: str, given: object) -> Grid:
    """Values of fields that choose conditions; InputError if there are none."""
    chosen = _grid(where, given)
    if not chosen:
        raise InputError(f"{where} names no field; allowed: {{field: value or values}}")
    return chosen


def _matches(condition: Condition, entry: Grid) -> bool:
    return all(getattr(condition, name) in values for name, values in entry.items())
