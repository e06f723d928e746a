# %% [markdown]
# # Are dead units to blame?

# %%
from analysis.data.conditions import nearest
from analysis.data.reading import swept
from analysis.notebooks.cells import open_with, read, show_figure, show_table, show_verdict
from analysis.report_parts.tables import culprits_table
from analysis.text import words

# %% tags=["parameters"]
folder = "../../results/article"

# %%
found = read(folder)
dying = found.verdicts[1]
at = next(each for each in found.failure_causes if each.condition["condition"] == nearest(found.trials)["condition"])
where = words.condition(at.condition, swept(found.trials))
causes = {name: rate for name, rate in at.causes.items() if rate.count}
open_with(
    found,
    "A ReLU unit whose input is negative on every row outputs 0, gets no gradient and never moves again. The article "
    "suspects that such deaths leave too few units for the task. Do they?",
    f"In the condition nearest to the article's ({where}) {words.rate(at.stuck)} of the runs are stuck.",
    *(f"Of the stuck runs {words.CAUSE_WORDS[name]}: {words.rate(rate)}." for name, rate in causes.items()),
    f"Without any dead unit: {words.rate(at.no_dead)}." if at.stuck.count else "",
)

# %% [markdown]
# ## How many units are dead?
#
# At the start this needs no experiment: units are drawn independently, so the number of dead ones is binomial, with a
# probability that follows from the distribution of the weights. The experiment should agree, and it also shows what
# training does to them.

# %%
show_figure(found, "dead_units")

# %% [markdown]
# ## Does a dead unit at the start matter?
#
# If dead units were the whole story, runs in which every unit is alive would not get stuck.

# %%
show_figure(found, "stuck_by_live_units")

# %% [markdown]
# ## Why are stuck runs stuck?
#
# The diagnosis gives each stuck run one cause: too few live units from the start; units that died in training;
# enough live units, but linear on the rows; or enough live units that merge rows nonetheless.

# %%
show_table(culprits_table(found.trials, found.failure_causes))

# %% [markdown]
# ## The article's claim

# %%
show_verdict(dying)
