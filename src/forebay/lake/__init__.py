"""Buckets and objects (S3)."""
