"""What of a destination's configuration does not go together, refused in Data Firehose's words.

Sources: "Amazon S3 object name format", "Understand dynamic partitioning in Amazon Data Firehose" (its guide), and
`ExtendedS3DestinationConfiguration`, `BufferingHints`, `CloudWatchLoggingOptions` (its API reference).
"""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from forebay.delivery.prefix import compile_prefix
from forebay.errors import UsageError
from forebay.wire.firehose.base import invalid
from forebay.wire.service import Json

LONGEST = 512
MOST_PROCESSORS = 5
LEAST_DYNAMIC = 64
"""MB that a destination with dynamic partitioning buffers, at least."""
_EXPRESSION = re.compile(r"!\{[^}]*\}")
_DYNAMIC, _ERROR = "!{partitionKeyFrom", "!{firehose:error-output-type}"


def check_prefixes(given: Json, keys: set[str]) -> None:
    """Raise InvalidArgumentException for prefixes that cannot be. `keys` are those that a query gives."""
    prefix, errors = str(given.get("Prefix") or ""), str(given.get("ErrorOutputPrefix") or "")
    dynamic = bool((given.get("DynamicPartitioningConfiguration") or {}).get("Enabled"))
    if "!{" in prefix and not errors:
        raise invalid("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
    if _ERROR in prefix:
        raise invalid(f"Prefix must not contain any occurrence of {_ERROR}")
    if _DYNAMIC in errors:
        raise invalid("Dynamic Partitioning Namespaces can't be part of an error prefix expression")
    if "!{" in errors and _ERROR not in errors:
        raise invalid(f"ErrorOutputPrefix must contain at least one occurrence of {_ERROR}")
    if len(_EXPRESSION.sub("", prefix)) > LONGEST:
        raise invalid(f"Length of evaluated prefix cannot be greater than {LONGEST}")
    if _DYNAMIC in prefix and not dynamic:
        raise invalid(
            "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled."
        )
    if dynamic and _DYNAMIC not in prefix:
        raise invalid(
            "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled"
        )
    for name, text in (("Prefix", prefix), ("ErrorOutputPrefix", errors)):
        if text.startswith("/"):
            raise invalid(f"{name} must not begin with a slash")
        try:
            compiled = compile_prefix(text, errors=name != "Prefix")
        except UsageError as error:
            raise invalid(f"{name}: {error.message}") from None
        if name == "Prefix":
            _check_keys(compiled.fields, keys if dynamic else set())


def _check_keys(used: tuple[str, ...], keys: set[str]) -> None:
    if missing := [key for key in used if key not in keys]:
        raise invalid(f"Prefix: no MetadataExtraction query gives the partition key {missing[0]}")
    if not keys.issubset(used):
        raise invalid(
            "MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix expression"
        )


def check_hints(given: Json) -> None:
    """Raise InvalidArgumentException for buffering hints that are not whole, or too small."""
    hints = given.get("BufferingHints") or {}
    if len([name for name in ("SizeInMBs", "IntervalInSeconds") if hints.get(name) is not None]) == 1:
        raise invalid("BufferingHints must have both SizeInMBs and IntervalInSeconds")
    dynamic = (given.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
    if dynamic and hints and hints["SizeInMBs"] < LEAST_DYNAMIC:
        raise invalid(
            f"BufferingHints.SizeInMBs must be at least {LEAST_DYNAMIC} when Dynamic Partitioning is enabled."
        )


def check_processors(processors: list[Json]) -> None:
    """Raise InvalidArgumentException where there are none, too many, or two functions."""
    if not 0 < len(processors) <= MOST_PROCESSORS:
        raise invalid(
            f"A maximum of {MOST_PROCESSORS} and a minimum of 1 processor needs to be supplied when processing is enabled."
        )
    if sum(each["Type"] == "Lambda" for each in processors) > 1:
        raise invalid("Cannot have more than 1 Lambda processor.")


def check_logging(given: Json) -> None:
    """Raise InvalidArgumentException for logs that have no group. They are only kept."""
    options = given.get("CloudWatchLoggingOptions") or {}
    if options.get("Enabled") and not options.get("LogGroupName"):
        raise invalid("CloudWatch Log Group Name is required if CloudWatch Logging is enabled")


def check_zone(zone: str) -> None:
    """Raise InvalidArgumentException for what is no time zone, or one of three letters."""
    if zone != "UTC" and (len(zone) == 3 or zone not in available_timezones()):
        raise invalid(
            "Provided custom time zone is not supported. Custom time zones are limited to UTC and non-3-letter"
            " IANA time zones."
        )
