"""CloudWatch: metrics put, asked and listed."""

from forebay.wire.cloudwatch import metrics, metrics_read
from forebay.wire.cloudwatch.base import SERVICE

__all__ = ["SERVICE", "metrics", "metrics_read"]
