"""Connects the nouns, top to bottom."""
