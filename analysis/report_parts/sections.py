"""The report as a page: the answer and the figure that shows it, what folds below, and where the numbers come from."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from analysis.data.conditions import FIELDS, same, swept, value_text
from analysis.data.door import CONFIG, read_text
from analysis.data.reading import can_die, is_stuck
from analysis.figures import PLOTS, NotApplicable, Plot
from analysis.findings import verdict
from analysis.findings.findings import Findings
from analysis.report_parts import pages, tables
from analysis.report_parts.tables import Table
from analysis.text import advice, answers, commands, words

DATA = {  # files that the report links to, where they are there
    "explorer.html": "train networks in this browser", "trials.parquet": "one row per training",
    "counts.parquet": "exact counts", "summary.csv": "one row per condition",
    "published.csv": "published figures beside ours", "config.yaml": "the study as it was run",
    "manifest.json": "versions, machine and commands", "datapackage.json": "what the columns mean",
}  # fmt: skip


class Section(NamedTuple):
    """A part of the report that folds, figures first, then tables; `gist` is one line about it."""

    id: str
    title: str
    gist: str
    tables: Callable[[Findings], Sequence[Table]] = lambda _found: []


SECTIONS = (
    Section("ends", "Where the runs end", "every condition: its success rate, and the traps of the other runs",
            lambda found: [tables.conditions_table(found)]),
    Section("published", "Published figures beside ours", "the settings, and what agreement means",
            lambda found: tables.published_tables(found.published)),
    Section("freed", "What frees stuck runs", "interventions in runs that were stuck, and training on",
            tables.rescue_tables),
    Section("causes", "Why runs get stuck", "dead units, and what the runs rest at", tables.cause_tables),
    Section("helps", "What helps", "comparisons seed by seed, drawing again, and waiting", tables.width_tables),
    Section("runs", "What single runs look like", "one run of each outcome"),
    Section("more", "More figures", ""),
)  # fmt: skip


def render(found: Findings, figures: bool = True, finish_drawing: Callable[[], None] = lambda: None) -> str:
    """The report as one HTML text; every string is escaped.

    `finish_drawing` is called when everything else is worked out: only then are the figures' files, in the folder
    `figures` of the results, all there. Without `figures` the page has none.
    """
    shown, missing = described(found) if figures else ([], [])
    addresses = found.exemplars.reindex(columns=["outcome", "explorer"]).dropna().to_dict("records")
    told = {
        "found": found, "missing": missing, "verdicts": found.verdicts, "figures": found.folder / "figures",
        "answer": answers.answer(found), "facts": _facts(found), "advice": advice.advice(found),
        "watched": [{**each, "outcome": words.outcome(each["outcome"])} for each in addresses],
        "rules": " ".join(str(verdict.__doc__).split("\n\n")[-1].split()), **method(found),
        "provenance": tables.provenance_tables(found.manifest), "config": read_text(found.folder / CONFIG),
        "commands": commands.reproducing(found.manifest, found.exemplars),
        "data": {name: what for name, what in DATA.items() if (found.folder / name).exists()},
    }  # fmt: skip
    first, known = hero(found, [plot for plot, _ in shown]), [each.id for each in SECTIONS]
    heroes, parts = [each for each in shown if each[0] is first], []
    for part in SECTIONS:  # a figure of an unknown section comes last
        here = [each for each in shown if part.id == (each[0].section if each[0].section in known else "more")]
        listed = [table for table in part.tables(found) if table.rows]
        parts.append((part, [each for each in here if each not in heroes], listed))
    finish_drawing()
    return pages.render("report.html.j2", **told, hero=heroes, sections=[each for each in parts if any(each[1:])])


def described(found: Findings) -> tuple[list[tuple[Plot, str]], list[str]]:
    """The figures that make sense, but for those whose numbers another shows, with their texts; why not the rest."""
    shown, missing = [], []
    for plot in PLOTS:
        try:
            shown.append((plot, plot.describe(found)))
        except NotApplicable as reason:
            missing += [] if plot.quiet else [f"{plot.title}: {reason}"]
    told = {name for plot, _ in shown for name in plot.instead}
    return [(plot, text) for plot, text in shown if plot.name not in told], missing


def hero(found: Findings, plots: Sequence[Plot]) -> Plot | None:
    """The figure that answers the study's question: the one it names, if it is there, or the one that fits best."""
    named = next((plot for plot in plots if plot.name == found.config.get("hero")), None)
    best = max(plots, key=lambda plot: plot.answers(found, found.asked), default=None)
    return named or (best if best and best.answers(found, found.asked) else None)


def _facts(found: Findings) -> list[str]:
    """The study's size, for the page's head."""
    first, stop = found.manifest["seeds"]
    *fewer, most = sorted(found.trials["epochs"].unique())
    epochs = words.listed([*(f"{each:,}" for each in fewer), words.counted(most, "epoch")], "or")
    failed = [f"{words.counted(found.failed, 'training')} failed with an error (left out)"] if found.failed else []
    n = len(found.manifest["conditions"])
    sizes = [words.counted(n, "condition"), f"{words.counted(stop - first, 'seed')}{' each' * (n > 1)}"]
    at, told = found.every.iloc[0], ("epochs", *swept(found.every))
    unlike = [name for name in FIELDS if name not in told and not same(at[name], FIELDS[name].default)]
    every = [f"everywhere {words.condition(at, unlike)}"] if unlike else []
    return [*sizes, words.counted(found.manifest["trials"], "training"), epochs, *every, *failed]


def method(found: Findings) -> dict[str, Any]:
    """What the text on the method, method.html.j2, must know in order to be true of this study."""
    trials, (first, stop) = found.trials, found.manifest["seeds"]
    names = ("success", "loss", "output", "optimizer")
    told = {name: words.listed([value_text(name, each) for each in trials[name].unique()], "or") for name in names}
    full = trials["batch_size"].isna()
    batches = f"{told['optimizer']} on {'all rows or on ' if full.any() else ''}mini-batches"
    return {
        "first": first, "last": stop - 1, "protocol": found.manifest["protocol"], "success": told["success"],
        "certified": bool(trials["minimum"].notna().any()), "endless": bool((trials["minimum"] == "infinity").any()),
        "stuck": bool(is_stuck(trials).any()),
        "short": advice.SHORTEST_JUDGED * bool((trials["epochs"] < advice.SHORTEST_JUDGED).any()),
        "losses": told["loss"], "dying": bool(can_die(trials).any()),
        "descent": f"full-batch {told['optimizer']}" if full.all() else batches,
        "outputs": told["output"] if {*trials["output"].unique()} != {"identity"} else "",
    }  # fmt: skip
