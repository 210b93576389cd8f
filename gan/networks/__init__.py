"""Generators and discriminators, and the files that hold them."""
