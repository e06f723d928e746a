# %% [markdown]
# # How often is it solved, and what helps?

# %%
import seaborn as sns

from analysis.data.conditions import FIELDS, value_text
from analysis.data.reading import count_where, size
from analysis.figures.layout import n_text
from analysis.findings.statistics import Rate
from analysis.notebooks import cells
from analysis.report import read_results
from analysis.report_parts.tables import conditions_table
from analysis.text import words
from analysis.text.answers import answer

# %% tags=["parameters"]
folder = "../../results/article"

# %%
found = read_results(folder)
cells.open_with(found, found.question, *answer(found))

# %% [markdown]
# The same small network, the same data, the same training: from some initial weights it learns the task, from others
# it never does. Every rate below comes with its number of runs and its 95 % Wilson interval. Conditions start from the
# same draws, seed by seed, and are compared in pairs.
#
# ## How often?

# %%
cells.show_figure(found, "success_rate")
cells.show_table(conditions_table(found))

# %% [markdown]
# The summary is a pandas table with a row for each condition, and seaborn draws it. Change this cell to draw what you
# like.

# %%
if 0 < len(found.fields) <= words.MOST_NAMED:
    along = max(found.fields, key=lambda name: found.summary[name].nunique())
    rest = [name for name in found.fields if name != along]
    rates = found.summary.assign(network=[words.condition(row, rest) for _, row in found.summary.iterrows()])
    rates[along] = [value_text(along, value) for value in rates[along]]
    table = 100 * rates.pivot_table("solved_rate", "network" if rest else "task", along, sort=False)
    text = f"Solved, %; {n_text(rates['n'])} per cell."
    with cells.canvas("Success at a glance", text, min(1.2 + 0.3 * len(table), 8)) as ax:
        sns.heatmap(table, vmin=0, vmax=100, cmap="crest", annot=table.size < 200, fmt=".0f", ax=ax)
        ax.set(xlabel=FIELDS[along].label, ylabel="")
        ax.tick_params(axis="y", rotation=0)

# %% [markdown]
# ## Do more units help?
#
# A narrow network consists of the first units of a wide one with the same seed, so a pair of runs differs only in the
# added units.

# %%
wider, sure, drawn_better, drawn_again = found.verdicts[2:]
cells.show_verdict(wider)
cells.show_verdict(sure)

# %% [markdown]
# ## Does He's initialization help?
#
# He's initialization scales the same underlying numbers by the number of a layer's inputs. Whether that helps may
# depend on the learning rate.

# %%
cells.show_verdict(drawn_better)

# %% [markdown]
# ## What does each choice change?

# %%
cells.show_figure(found, "paired_effects")
cells.show_figure(found, "other_effects")

# %% [markdown]
# ## Does drawing again help?
#
# Seeds are independent, so the probability that several draws all fail is the product of their failure rates.

# %%
cells.show_verdict(drawn_again)

# %% [markdown]
# ## Does waiting help?
#
# If failures were only slow, the curves would keep falling until the last epoch.

# %%
cells.show_figure(found, "epochs_to_solve")

# %%
epochs = found.here(found.epochs)
n_epochs = int(found.nearest["epochs"])
late = Rate.of(count_where(epochs, (epochs["solved_epoch"] > n_epochs / 2).fillna(False)), size(epochs))
cells.say(
    f"In the condition nearest to the article's, the second half of the {n_epochs:,} epochs solved {words.rate(late)}."
)
