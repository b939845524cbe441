"""Ingest routes, console, dashboards, live updates."""
