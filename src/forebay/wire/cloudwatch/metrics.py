"""Metrics: put, asked for and listed."""
