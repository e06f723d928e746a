"""The harness: studies from configurations, trainings in parallel, result folders, commands.

The main path is `run`: `study` (what is asked), `folder` (what is there already), `batches` (what
is missing), `execute` (training it as a stream), then the summary and report of `analysis`.

Every other command is the file of its name: `train`, `diagnose`, `compare`, `verify` and `benchmark`.
Behind `verify` stand `audit` and `audit_counts` (is a folder whole), `sample` (which trainings are
done again), `retrain` and `recount` (do they come out again) and `tell` (what is printed of it);
behind `benchmark`, `contenders`, `peers` (what people use instead) and `whole_commands`.
"""
