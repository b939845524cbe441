"""Keys, policies, signatures (IAM)."""
