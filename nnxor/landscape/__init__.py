"""Where training can rest: levels of the loss, what a loss means, and what kind of point a network rests at."""
