"""What result folders say: statistics, figures, verdict, planner and report; reads files only."""
