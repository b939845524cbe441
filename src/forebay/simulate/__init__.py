"""Generators and replay (Kinesis Data Generator)."""
