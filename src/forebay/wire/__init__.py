"""The AWS API: protocols and operations."""
