"""Measures of how good generated pictures are."""
