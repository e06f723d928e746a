"""The figures of the report, each a function of a DataFrame; to add one, name it in `PLOTS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.figures import examples, outcomes, success, units, waiting
from analysis.figures import freed as rescue
from analysis.figures import heat_map as landscape
from analysis.figures import resting_points as resting
from analysis.findings.findings import Findings


@dataclass(frozen=True)
class Plot:
    """A figure: its file's name, its title, how to read it, and the functions that draw it and say what it shows.

    Both raise NotApplicable where the figure makes no sense; a `quiet` one is then not even mentioned.
    """

    name: str
    title: str
    reading: str
    draw: Callable[[Findings], Figure]
    describe: Callable[[Findings], str]
    quiet: bool = False


PLOTS = (
    Plot(
        "success_rate", "How often it is solved",
        "Each point is the share of seeds whose run meets the success rule; bars are 95 % Wilson intervals.",
        success.success_rate, success.describe_success_rate,
    ),
    Plot(
        "composition", "What becomes of the runs",
        "Each bar is one condition; an outcome has the same colour and hatch in every figure.",
        outcomes.composition, outcomes.describe_composition,
    ),
    Plot(
        "success_map", "Success at a glance",
        "Per cent solved and its 95 % Wilson interval in each condition; dark is seldom, bright is often.",
        success.success_map, success.describe_success_map,
    ),
    Plot(
        "dead_units", "Dead units at the start and at the end",
        "Top: what the draw gives, black dashes the exact law. Below: dead units at the end, by outcome.",
        units.dead_units, units.describe_dead_units,
    ),
    Plot(
        "stuck_by_live_units", "The article's culprit, tested",
        "If dead units were the whole story, runs with all units alive would not get stuck.",
        units.stuck_by_live_units, units.describe_stuck_by_live_units,
    ),
    Plot(
        "epochs_to_solve", "How long it takes",
        "A curve that levels off shows the runs that are never solved, however long one waits.",
        waiting.epochs_to_solve, waiting.describe_epochs_to_solve,
    ),
    Plot(
        "drawing_again", "Drawing again",
        "Seeds are independent, so k draws all fail with probability (1 \N{MINUS SIGN} p)^k.",
        waiting.drawing_again, waiting.describe_drawing_again,
    ),
    Plot(
        "loss_curves", "One run of each outcome",
        "The run nearest to the article's condition that ended so; experiments.train with its seed shows it again.",
        examples.draw_loss_curves, examples.describe_loss_curves,
    ),
    Plot(
        "functions", "What these networks compute",
        "The output over the unit square. Lines are the units' kinks, circles the rows (white: target 1), bold "
        "predictions are wrong. Units are given by the rows on which they are active.",
        examples.draw_functions, examples.describe_functions,
    ),
    Plot(
        "merged_rows", "Which rows are merged",
        "Bars are shares of the runs in a trap, with 95 % Wilson intervals; the number is the count.",
        outcomes.merged_rows, outcomes.describe_merged_rows,
    ),
    Plot(
        "landscape", "The landscape of success",
        "Each cell is one condition; dark is seldom solved, bright is often.",
        landscape.landscape, landscape.describe_landscape, quiet=True,
    ),
    Plot(
        "resting_points", "What stuck runs rest at",
        "Each bar is the stuck runs of one condition, by what their certificates say of the points at which they rest.",
        resting.resting_points, resting.describe_resting_points, quiet=True,
    ),
    Plot(
        "freed_by_rescue", "What frees stuck runs",
        "Each point is the share of the stuck runs that an intervention frees; bars are 95 % Wilson intervals, and the "
        "runs are the same for all interventions.",
        rescue.freed_by_rescue, rescue.describe_freed_by_rescue, quiet=True,
    ),
)  # fmt: skip
"""The figures, in the report's order."""
