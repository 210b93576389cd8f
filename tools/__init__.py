"""What is no stage: compare experiments, write presets, repair what a killed dvc leaves."""
