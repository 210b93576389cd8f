"""Sample grids, curves, animations, the comparison of experiments, the HTML report and the model card."""
