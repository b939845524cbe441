"""The user's Python, in its own process (Lambda)."""
