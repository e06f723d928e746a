"""Single runs: their loss, and what their networks compute."""
