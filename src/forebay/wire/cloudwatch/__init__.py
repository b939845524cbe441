"""CloudWatch: metrics put, asked and listed."""

from forebay.wire.cloudwatch import metrics
from forebay.wire.cloudwatch.base import SERVICE

__all__ = ["SERVICE", "metrics"]
