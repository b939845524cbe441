"""What `flow.py` connects: each noun's part of a running flow, with what it needs of the others handed to it."""
