"""The harness: studies from configurations, trainings in parallel, result folders, commands.

The main path is `run`: `study` (what is asked), `folder` (what is there already), `batches` (what
is missing), `execute` (training it as a stream), then the summary and report of `analysis`.
"""
