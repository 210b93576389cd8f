"""Evaluation of generated images: features, metrics and findings."""
