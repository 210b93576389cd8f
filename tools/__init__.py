"""Commands that are not stages: write presets, compare experiments, repair DVC's state, print the parameters."""
