"""Training batches in parallel: threads, processes or a cluster, with what the user sees meanwhile."""
