"""Games, losses, weight averages, checkpoints and the loop that joins them."""
