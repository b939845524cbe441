"""Other people's clients, unchanged, against a running system: what they may take for AWS."""
