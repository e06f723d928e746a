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
# # How often is it solved, and what helps?
#
# The same small network, the same data, the same training: from some draws of the initial weights it learns the
# task, from others it never does. How often is that, and how much do the usual remedies change: more units, He's
# draw, drawing again, waiting longer?
#
# Every rate below has its number of runs and its 95 % Wilson interval. Conditions start from the same draws, seed by
# seed, and so are compared in pairs.

# %%
from analysis.data.conditions import nearest, others, with_values
from analysis.data.reading import FIELDS, fine, swept
from analysis.data.tallies import count_where
from analysis.data.tallies import size as total
from analysis.findings import verdict
from analysis.findings.statistics import Rate
from analysis.notebooks.cells import read, say, show_figure, show_table, show_verdict, size
from analysis.report_parts.tables import COMPARED, comparison_table, conditions_table, draws_table, telling
from analysis.text import words

# %% tags=["parameters"]
folder = "../../results/article"

# %%
results = read(folder)
trials = fine(results.trials)
say(size(results), verdict.scope(trials))

# %% [markdown]
# ## How often?
#
# First the plain answer, a point for each condition.

# %%
show_figure(results, "success_rate")

# %%
article = with_values(trials, nearest(trials), FIELDS)
solved = Rate.of(count_where(article, article["outcome"] == "solved"), total(article))
failed = Rate.of(solved.n - solved.count, solved.n)
say(
    f"In the condition nearest to the article's ({words.condition(article.iloc[0], swept(trials))})",
    f"{words.rate(solved)} of the runs are solved and {words.rate(failed)} are not.",
)
show_table(conditions_table(trials, results.epochs))

# %% [markdown]
# ## Do more units help?
#
# A narrow network is the first units of a wide one with the same seed, so a pair of runs differs in the added units
# alone. The runs that only one of the two solves tell whether the added units were worth it.

# %%
_, _, wider, drawn_better, drawn_again = verdict.verdicts(trials, results.solved)
widths = verdict.compare_widths(trials, results.solved)
show_verdict(wider)
shown, note = telling(widths)
show_table(comparison_table("More units", note, others(trials, "hidden"), shown))

# %% [markdown]
# ## Does He's draw help?
#
# He's draw scales the same underlying numbers by the number of a layer's inputs. Whether that helps may depend on
# the step.

# %%
inits = verdict.compare_he(trials, results.solved)
show_verdict(drawn_better)
show_table(comparison_table("He's draw", COMPARED, others(trials, "init"), inits))

# %% [markdown]
# ## Does drawing again help?
#
# Seeds are independent, so the probability that all of several draws fail is the product of their failures.

# %%
show_figure(results, "drawing_again")

# %%
show_verdict(drawn_again)
show_table(draws_table(trials))

# %% [markdown]
# ## Does it help to wait?
#
# If failures were only slow, the curves below would go on falling to the last epoch.

# %%
show_figure(results, "epochs_to_solve")

# %%
epochs = with_values(results.epochs, nearest(trials), FIELDS)
n_epochs = int(article["epochs"].iloc[0])
late = Rate.of(count_where(epochs, (epochs["solved_epoch"] > n_epochs / 2).fillna(False)), total(article))
say(f"In the condition nearest to the article's the second half of the {n_epochs:,} epochs solved {words.rate(late)}.")

# %% [markdown]
# ## The answer

# %%
say(f"Solved, nearest to the article: {words.rate(solved)}.")
for remedy in (wider, drawn_better, drawn_again):
    say(f"{remedy.claim} {remedy.verdict[0].upper()}{remedy.verdict[1:]}.")
