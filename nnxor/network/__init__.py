"""What is trained: tasks, losses, optimizers, initial weights and mini-batches."""
