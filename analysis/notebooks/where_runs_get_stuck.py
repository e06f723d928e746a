# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Where do the runs end that fail?
#
# Somebody whose loss stands still at 0.25 wants to know whether that is a bug. If it is not, other runs must end at
# the same loss, and there must be a reason for that very number.

# %%
from analysis.data.conditions import nearest, with_values
from analysis.data.fields import FIELDS
from analysis.data.reading import OUTCOMES, fine, is_stuck, is_xor, swept
from analysis.data.tallies import count_where
from analysis.data.tallies import size as total
from analysis.findings import verdict
from analysis.findings.statistics import Rate
from analysis.notebooks.cells import read, say, shared_predictions, show_figure, show_table, show_verdict, size
from analysis.text import words

# %% tags=["parameters"]
folder = "../../results/article"

# %%
results = read(folder)
trials = fine(results.trials)
say(size(results), verdict.scope(trials))

# %% [markdown]
# ## What becomes of the runs?
#
# A run that is at rest (its gradient is next to nothing) at one of the losses where it can rest is stuck. A run that
# still moves, or swings for ever, is not called so.

# %%
show_figure(results, "composition")

# %%
article = with_values(trials, nearest(trials), FIELDS)
unsolved = article[(article["outcome"] != "solved").to_numpy(bool)]
ends = {name: Rate.of(count_where(unsolved, unsolved["outcome"] == name), total(unsolved)) for name in OUTCOMES[1:]}
where = words.condition(nearest(trials), swept(trials))
parts = "; ".join(f"{words.outcome(name)} {words.rate(rate)}" for name, rate in ends.items() if rate.count)
say(
    f"Nearest to the article's condition ({where}) {total(unsolved):,} of {total(article):,} runs are unsolved.",
    f"Of these: {parts}." if parts else "",
)

# %% [markdown]
# ## Why at these losses?
#
# Suppose that a network cannot tell some rows apart, and gives them one prediction. The best it can do is the mean
# of their targets. What loss does that leave, if all other rows are right?

# %%
if is_xor(trials):
    show_table(shared_predictions(str(trials["task_table"].iloc[0])))
    say("These are the levels of the traps: two, three or four rows that share a prediction.")
else:
    say("This study is not of XOR under half the sum of squared errors, so its levels are not worked out here.")

# %% [markdown]
# ## Do they really share predictions?
#
# If the table explains the levels, the runs in a trap must show the rows that it names.

# %%
show_figure(results, "merged_rows")

# %%
stuck = trials[is_stuck(trials)]
merges = stuck["merged"].notna() & (stuck["merged"].astype("str") != "")
merging = Rate.of(count_where(stuck, merges), total(stuck))
say(f"Stuck runs of all conditions in which rows share one wrong prediction: {words.rate(merging)}.")

# %% [markdown]
# ## What does one such run look like?
#
# One run of each outcome: first its loss, which falls to a plateau and stays; then the function that it ends with.

# %%
show_figure(results, "loss_curves")

# %%
show_figure(results, "functions")

# %% [markdown]
# ## Is a trap a minimum?
#
# The article calls it one. That a run is at rest can be read from its loss and gradient; a minimum is more than that.

# %%
minimum, *_ = verdict.verdicts(trials, results.solved)
show_verdict(minimum)

# %% [markdown]
# ## The answer

# %%
common = max(ends, key=lambda name: ends[name].count)
if len(unsolved):
    say(
        f"Failed runs nearest to the article's condition end most often {words.outcome(common)}:",
        f"{words.rate(ends[common])}.",
    )
else:
    say(f"Every run nearest to the article's condition is solved (n = {len(article):,}).")
say(f"Rows that share one wrong prediction account for {words.rate(merging)} of the study's stuck runs.")
