"""SQL over the lake, named queries, results (Athena)."""
