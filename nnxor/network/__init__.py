"""What is trained: tasks, layers, losses, optimizers, initial weights and mini-batches."""
