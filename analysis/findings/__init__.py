"""What the data say: rates with intervals, comparisons, causes, verdicts."""
