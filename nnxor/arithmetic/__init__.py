"""The arithmetic of an epoch: exactly the operations, in exactly the order, that fix every bit of a training."""
