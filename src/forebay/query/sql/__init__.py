"""Athena's SQL over DuckDB: parsed, checked, and given the meaning it has on Athena."""
