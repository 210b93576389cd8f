"""Measurements that the documentation quotes: speed, quality, and the table of the 2014 paper."""
