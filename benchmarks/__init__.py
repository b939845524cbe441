"""What the README's figures are made of; `python -m benchmarks`."""
