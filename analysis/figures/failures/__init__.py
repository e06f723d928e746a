"""Where runs end that are not solved, and why."""
