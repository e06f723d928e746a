"""What result folders say: statistics, figures, verdict, planner and report; reads files only.

In reading order: `trials` and `counts` (what a folder holds), `conditions` (what a study varies),
`statistics`, `summary` (a row a condition), `comparisons` (pairs of values, seed by seed), what is
asked of them (`culprits`, `certificates`, `rescues`, `planner`, `dead_law`, `published`), `verdict`
and `advice` (what it comes to), `words`, `tables`, `figures` and `draw` (how it is shown), `report`
with `commands`, `provenance`, `exemplars` and `pages`. On their own: `compare` (two folders), `speed`
(the benchmark's figure).
"""
