"""How often it is solved, how long that takes, and how often to draw again."""
