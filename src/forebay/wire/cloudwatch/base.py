"""What CloudWatch's operations share: the service, and refusals in its words.

The model offers smithy-rpc-v2-cbor, json and query; the codes are those of the query protocol in each of them.
"""

from __future__ import annotations

from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Service

SERVICE = Service("cloudwatch", validation="ValidationError")


def invalid(message: str) -> AwsError:
    """InvalidParameterValue."""
    return AwsError("InvalidParameterValue", message)


def missing(message: str) -> AwsError:
    """MissingParameter."""
    return AwsError("MissingParameter", message)


def conflicting(message: str) -> AwsError:
    """InvalidParameterCombination."""
    return AwsError("InvalidParameterCombination", message)


def refused(message: str) -> AwsError:
    """ValidationError: what breaks a rule that the model does not have."""
    return AwsError("ValidationError", message, http=400)
