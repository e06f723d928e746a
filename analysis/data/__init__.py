"""Reading result folders: rows, counts, conditions and the other files that a run leaves."""
