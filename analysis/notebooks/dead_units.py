# %% [markdown]
# # Are dead units to blame?

# %%
import pandas as pd
import seaborn as sns

from analysis.data.reading import CAUSES
from analysis.findings.stuck import STUCK_CAUSES
from analysis.notebooks import cells
from analysis.report import read_results
from analysis.report_parts.tables import causes_table
from analysis.text import words

# %% tags=["parameters"]
folder = "../../results/article"

# %%
found = read_results(folder)
at = found.here(found.failure_causes).iloc[0]
cells.open_with(
    found,
    "A ReLU unit whose input is negative on every row outputs 0, gets no gradient and never moves again. The article "
    "suspects that such deaths leave too few units for the task. Do they?",
    f"In the condition nearest to the article's ({words.setting(at, found.fields)}) "
    f"{words.share(at, 'stuck')} of the runs are stuck.{' Of these:' if at['stuck'] else ''}",
    *(f"{CAUSES[name].capitalize()}: {words.share(at, name, 'stuck')}." for name in STUCK_CAUSES if at[name]),
    f"No dead unit at all: {words.share(at, 'no_dead', 'stuck')}." if at["stuck"] else "",
)

# %% [markdown]
# ## How many units are dead?
#
# At the start this needs no experiment: units are drawn independently, so the number of dead ones is binomial, with a
# probability that follows from the distribution of the weights. The experiment should agree, and it also shows what
# training does to them.

# %%
cells.show_figure(found, "dead_units")

# %% [markdown]
# Of the runs that start with so many dead units, how many end with how many? Change this cell to ask something else.

# %%
runs = found.here(found.trials).dropna(subset=["dead_init", "dead_final"])
if runs["dead_final"].any():
    table = 100 * pd.crosstab(runs["dead_init"], runs["dead_final"], runs["count"], aggfunc="sum", normalize="index")
    text = "Each row is the runs that start with so many dead units, in per cent, by the number at the end."
    with cells.canvas("Dead units, before and after", text, 1.2 + 0.3 * len(table)) as ax:
        sns.heatmap(table.replace(0, float("nan")), vmin=0, vmax=100, cmap="crest", annot=True, fmt=".0f", ax=ax)
        ax.set(xlabel="dead units at the end", ylabel="dead units at the start")
        ax.tick_params(axis="y", rotation=0)

# %% [markdown]
# ## Does a dead unit at the start matter?
#
# If dead units were the whole story, runs in which every unit is alive would not get stuck.

# %%
cells.show_figure(found, "stuck_by_live_units")

# %% [markdown]
# ## Why are stuck runs stuck?
#
# The diagnosis gives each stuck run one cause: too few live units from the start; units that died in training;
# enough live units, but linear on the rows; or enough live units that merge rows nonetheless.

# %%
cells.show_table(causes_table(found))

# %% [markdown]
# ## The article's claim

# %%
cells.show_verdict(found.verdicts[1])
