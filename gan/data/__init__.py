"""Download a dataset, prepare its images, and load them as batches."""
