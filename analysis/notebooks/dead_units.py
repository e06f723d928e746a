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
# # Are dead units the culprit?
#
# A ReLU unit whose input is negative on every row outputs 0, gets no gradient and never moves again. The article
# suspects that such deaths leave too few units for the task. Three things would have to be true: units are dead
# often enough, runs with dead units get stuck more often than runs without, and stuck runs have too few live units.

# %%
from analysis.data.conditions import nearest
from analysis.data.reading import fine, swept
from analysis.findings import verdict
from analysis.findings.failure_causes import culprits
from analysis.notebooks.cells import read, say, show_figure, show_table, show_verdict, size
from analysis.report_parts.tables import culprits_table
from analysis.text import words

# %% tags=["parameters"]
folder = "../../results/article"

# %%
results = read(folder)
trials = fine(results.trials)
say(size(results), verdict.scope(trials))

# %% [markdown]
# ## How many units are dead?
#
# At the start this needs no experiment: units are drawn independently, so their number is binomial, with a
# probability that follows from the draw. The experiment should agree, and adds what training does to them.

# %%
show_figure(results, "dead_units")

# %% [markdown]
# ## Does a dead unit at the start matter?
#
# If dead units were the whole story, runs with every unit alive would not get stuck.

# %%
show_figure(results, "stuck_by_live_units")

# %% [markdown]
# ## Why are stuck runs stuck?
#
# The diagnosis gives each stuck run one cause: too few live units from the start; units that died in training;
# enough live units, but linear on the rows; or enough live units that merge rows nonetheless.

# %%
found = culprits(trials)
show_table(culprits_table(trials, found))

# %%
at = next(each for each in found if each.condition["condition"] == nearest(trials)["condition"])
where = words.condition(at.condition, swept(trials))
causes = {name: rate for name, rate in at.causes.items() if rate.count}
say(
    f"Nearest to the article ({where}) {words.rate(at.stuck)} of the runs are stuck{':' if causes else '.'}",
    "; ".join(f"{words.CAUSE_WORDS[name]} {words.rate(rate)}" for name, rate in causes.items()),
    f"(no dead unit at all: {words.rate(at.no_dead)})." if at.stuck.count else "",
)

# %% [markdown]
# ## The answer

# %%
show_verdict(verdict.verdicts(trials, results.solved)[1])
