"""Numbers, conditions and advice in words."""
