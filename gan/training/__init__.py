"""Training: the steps, losses, weight average, checkpoints and the loop."""
