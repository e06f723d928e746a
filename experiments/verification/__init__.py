"""Whether a result folder is whole, and whether its trainings come out again."""
