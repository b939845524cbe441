"""Event-driven data analytics on one machine, in AWS's words and wire formats."""

__version__ = "0.1.0"
