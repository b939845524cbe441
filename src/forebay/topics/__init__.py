"""Who is told, and how (SNS)."""
