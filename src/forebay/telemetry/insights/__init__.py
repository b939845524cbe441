"""Logs Insights: `fields @timestamp, user | filter code >= 500 | stats count(*) by bin(5m)` over log events."""
