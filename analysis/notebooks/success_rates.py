# %% [markdown]
# # How often is it solved, and what helps?

# %%
from analysis.data.tallies import count_where, size
from analysis.findings.statistics import Rate
from analysis.notebooks.cells import open_with, read, say, show_figure, show_table, show_verdict
from analysis.report_parts.tables import conditions_table
from analysis.text import words
from analysis.text.answers import answer

# %% tags=["parameters"]
folder = "../../results/article"

# %%
found = read(folder)
open_with(found, found.question, *answer(found, found.asks))

# %% [markdown]
# The same small network, the same data, the same training: from some initial weights it learns the task, from others
# it never does. Every rate below comes with its number of runs and its 95 % Wilson interval. Conditions start from the
# same draws, seed by seed, and are compared in pairs.
#
# ## How often?

# %%
show_figure(found, "success_rate")
show_table(conditions_table(found))

# %% [markdown]
# ## Do more units help?
#
# A narrow network consists of the first units of a wide one with the same seed, so a pair of runs differs only in the
# added units.

# %%
wider, sure, drawn_better, drawn_again = found.verdicts[2:]
show_verdict(wider)
show_verdict(sure)

# %% [markdown]
# ## Does He's initialization help?
#
# He's initialization scales the same underlying numbers by the number of a layer's inputs. Whether that helps may
# depend on the learning rate.

# %%
show_verdict(drawn_better)
show_figure(found, "paired_effects")

# %% [markdown]
# ## Does drawing again help?
#
# Seeds are independent, so the probability that several draws all fail is the product of their failure rates.

# %%
show_verdict(drawn_again)

# %% [markdown]
# ## Does waiting help?
#
# If failures were only slow, the curves would keep falling until the last epoch.

# %%
show_figure(found, "epochs_to_solve")

# %%
epochs = found.here(found.epochs)
n_epochs = int(found.nearest["epochs"])
late = Rate.of(count_where(epochs, (epochs["solved_epoch"] > n_epochs / 2).fillna(False)), size(epochs))
say(f"In the condition nearest to the article's, the second half of the {n_epochs:,} epochs solved {words.rate(late)}.")
