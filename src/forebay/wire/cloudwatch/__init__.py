"""CloudWatch: metrics put, asked and listed; alarms on them."""

from forebay.wire.cloudwatch import alarms, alarms_read, anomalies, metrics, metrics_read
from forebay.wire.cloudwatch.base import SERVICE

__all__ = ["SERVICE", "alarms", "alarms_read", "anomalies", "metrics", "metrics_read"]
