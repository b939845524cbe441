"""Windows and filters over streams, in Flink SQL (Managed Flink)."""
