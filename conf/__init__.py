"""The configurations: what the commands read when no override says otherwise."""
