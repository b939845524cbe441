"""HTTP endpoint destinations: their configuration as a delivery's specification, and as it is described.

Amazon takes `https` only; `http` is taken for this machine's own addresses, where nobody listens in between.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from forebay.delivery.endpoint_section import EndpointSpec
from forebay.delivery.section import DeliverySpec
from forebay.project.secrets import USE
from forebay.wire.firehose.base import invalid
from forebay.wire.firehose.checks import check_logging
from forebay.wire.firehose.convert import spec_of
from forebay.wire.service import Asked, Json

CONFIGURATION = "HttpEndpointDestinationConfiguration"
UPDATE = "HttpEndpointDestinationUpdate"
_SHOWN = (
    "BufferingHints",
    "CloudWatchLoggingOptions",
    "ProcessingConfiguration",
    "RequestConfiguration",
    "RetryOptions",
    "RoleARN",
    "S3BackupMode",
)


async def endpoint_spec(asked: Asked, given: Json, source: str | None) -> DeliverySpec:
    """The delivery that an HTTP endpoint's configuration describes. Raises AwsError."""
    if (given.get("SecretsManagerConfiguration") or {}).get("Enabled"):
        raise invalid("SecretsManagerConfiguration is not offered: give the AccessKey itself")
    endpoint = given["EndpointConfiguration"]
    attributes = {
        each["AttributeName"]: each["AttributeValue"]
        for each in (given.get("RequestConfiguration") or {}).get("CommonAttributes") or []
    }
    texts = [endpoint["Url"], endpoint.get("AccessKey") or "", *attributes.values()]
    if any(USE.search(text) for text in texts):  # the project's secrets are the project's to give away
        raise invalid("EndpointConfiguration: ${secret:...} is for endpoints that the project declares")
    _check_url(endpoint["Url"])
    backup = given["S3Configuration"]
    check_logging(given)
    check_logging(backup)
    everything = given.get("S3BackupMode") == "AllData"
    s3 = {
        **{name: backup[name] for name in ("BucketARN", "ErrorOutputPrefix") if backup.get(name)},
        "BufferingHints": given.get("BufferingHints"),
        "ProcessingConfiguration": given.get("ProcessingConfiguration"),
        "S3BackupMode": "Enabled" if everything else "Disabled",
        "S3BackupConfiguration": backup if everything else None,
    }
    found = await spec_of(asked, s3, source)
    if found.keys is not None:
        raise invalid("MetadataExtraction is for destinations with a prefix")
    return msgspec.structs.replace(
        found,
        format="raw",
        http_endpoint=EndpointSpec(
            url=endpoint["Url"],
            name=endpoint.get("Name"),
            access_key=endpoint.get("AccessKey") or None,
            attributes=attributes,
            encoding="gzip"
            if (given.get("RequestConfiguration") or {}).get("ContentEncoding") == "GZIP"
            else "none",
            retry=float((given.get("RetryOptions") or {}).get("DurationInSeconds", 300)),
        ),
    )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise invalid(f"EndpointConfiguration: {url} is no URL") from None
    if not parts.hostname or parts.username is not None or port == 0:
        raise invalid(f"EndpointConfiguration: {url} is no URL of an endpoint")


def updated(kept: Json, update: Json) -> Json:
    """A configuration with an update: what is not named stays as it is, in `S3Configuration` too."""
    found = {**kept, **{name: value for name, value in update.items() if name != "S3Update"}}
    if "S3Update" in update:
        found["S3Configuration"] = {**kept["S3Configuration"], **update["S3Update"]}
    if "EndpointConfiguration" in update:
        found["EndpointConfiguration"] = {**kept["EndpointConfiguration"], **update["EndpointConfiguration"]}
    return found


def described(given: Json, defaults: Json) -> Json:
    """The destination as it is described: without its key."""
    endpoint = given["EndpointConfiguration"]
    shown = {name: given[name] for name in _SHOWN if given.get(name) is not None}
    return {
        "EndpointConfiguration": {name: endpoint[name] for name in ("Url", "Name") if endpoint.get(name)},
        "BufferingHints": defaults["BufferingHints"],
        "CloudWatchLoggingOptions": defaults["CloudWatchLoggingOptions"],
        "RequestConfiguration": {"ContentEncoding": "NONE"},
        "RetryOptions": {"DurationInSeconds": 300},
        "S3BackupMode": "FailedDataOnly",
        **shown,
        "S3DestinationDescription": {**defaults, **given["S3Configuration"]},
    }


def configuration_of(spec: DeliverySpec, s3: Json) -> Json:
    """A configuration that a delivery declared in the project would have had; `s3` of its backup."""
    endpoint = spec.http_endpoint
    assert endpoint is not None
    attributes = [
        {"AttributeName": name, "AttributeValue": value} for name, value in endpoint.attributes.items()
    ]
    return {
        "EndpointConfiguration": {"Url": endpoint.url, "Name": endpoint.name},
        "BufferingHints": s3["BufferingHints"],
        "RequestConfiguration": {
            "ContentEncoding": endpoint.encoding.upper(),
            **({"CommonAttributes": attributes} if attributes else {}),
        },
        "RetryOptions": {"DurationInSeconds": int(endpoint.retry)},
        "RoleARN": s3["RoleARN"],
        "S3BackupMode": "FailedDataOnly" if spec.backup is None else "AllData",
        "S3Configuration": s3,
    }
