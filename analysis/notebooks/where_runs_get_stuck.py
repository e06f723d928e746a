# %% [markdown]
# # Where do failed runs end?

# %%
import seaborn as sns

from analysis.data.reading import OUTCOMES, count_where, is_stuck, load, size
from analysis.figures.style import OUTCOME_COLOURS
from analysis.findings.statistics import Rate
from analysis.notebooks import cells
from analysis.report import read_results
from analysis.text import words

# %% tags=["parameters"]
folder = "../../results/article"

# %%
found = read_results(folder)
trials = found.trials
article = found.here(trials)
unsolved = article[(article["outcome"] != "solved").to_numpy(bool)]
ends = {name: Rate.of(count_where(unsolved, unsolved["outcome"] == name), size(unsolved)) for name in OUTCOMES[1:]}
where = words.setting(found.nearest, found.fields)
stuck = trials[is_stuck(trials)]
merging = Rate.of(count_where(stuck, stuck["merged"].notna() & (stuck["merged"].astype("str") != "")), size(stuck))
cells.open_with(
    found,
    "Somebody whose loss stays at 0.25 wants to know whether that is a bug. Where do such runs end, and why there?",
    f"In the condition nearest to the article's ({where}) {size(unsolved):,} of {size(article):,} runs are unsolved.",
    *(f"{words.outcome(name).capitalize()}: {words.rate(rate)}." for name, rate in ends.items() if rate.count),
    f"Rows share one wrong prediction in {words.rate(merging)} of all stuck runs of the study." if len(stuck) else "",
)

# %% [markdown]
# ## What becomes of the runs?
#
# A run is stuck if it rests at one of the losses where it can rest, or is only shaken about one. A run that is not
# finished, or whose loss a smaller step would lower, is not called stuck.

# %%
cells.show_figure(found, "composition")

# %% [markdown]
# The losses at which the unsolved runs end, from the table of all runs. Change this cell to draw another column.

# %%
if found.manifest["record"] == "trials":
    runs = load(found.folder, ["final_loss", "outcome"])
    runs = runs[(runs["outcome"] != "solved").to_numpy(bool) & (runs["final_loss"] < 2).to_numpy(bool)]
    runs["outcome"] = runs["outcome"].cat.remove_unused_categories().cat.rename_categories(words.outcome)
    palette = {words.outcome(name): colour for name, colour in OUTCOME_COLOURS.items()}
    look = {"palette": palette, "multiple": "stack", "bins": 100, "linewidth": 0}
    text = f"The {len(runs):,} unsolved runs whose final loss is below 2."
    if len(runs):
        with cells.canvas("Where unsolved runs end", text) as ax:
            sns.histplot(runs, x="final_loss", hue="outcome", **look, ax=ax)
            ax.set(xlabel="final loss", ylabel="runs")

# %% [markdown]
# ## Why at these losses?
#
# Suppose that a network cannot tell some rows apart and gives them one prediction. The best it can do is to predict the
# mean of their targets. What loss does that leave if all other rows are right?

# %%
if {*trials["task"].unique()} == {"xor"} and {*trials["loss"].unique()} == {"half_sse"}:
    cells.show_table(cells.shared_predictions(str(trials["task_table"].iloc[0])))
    cells.say("These are the levels of the traps: two, three or four rows share a prediction.")
else:
    cells.say("This study is not about XOR with half the sum of squared errors, so its levels are not worked out here.")

# %% [markdown]
# ## Do they really share predictions?
#
# If that explains the levels, the runs in a trap must show the rows that the table names.

# %%
cells.show_figure(found, "merged_rows")

# %% [markdown]
# ## What does one such run look like?
#
# First the loss, then the function that the network ends with. A stuck run's loss falls to a plateau and stays there.

# %%
cells.show_figure(found, "loss_curves")

# %%
cells.show_figure(found, "functions")

# %% [markdown]
# ## Is a trap a minimum?
#
# The article calls it one. Loss and gradient show that a run is at rest; being at a minimum is a stronger claim.

# %%
cells.show_verdict(found.verdicts[0])
