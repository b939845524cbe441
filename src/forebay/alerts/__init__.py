"""Conditions on metrics and SQL (CloudWatch alarms)."""
