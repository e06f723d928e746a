"""Three notebooks on a result folder, kept as percent scripts; `python -m analysis.notebooks DIR` executes them."""
