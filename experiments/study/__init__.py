"""What a study asks: its fields, grid, conditions and seeds, read from configurations and files of the user."""
