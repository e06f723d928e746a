"""The result folder: parts while a study runs, one table at the end, and where the results come from."""
