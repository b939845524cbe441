"""What the system says of itself: metrics, logs, the ledger (CloudWatch)."""
