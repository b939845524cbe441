"""Processes: supervision, scheduling, draining."""
