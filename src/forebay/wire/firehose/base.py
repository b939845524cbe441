"""What Firehose's operations share: a delivery found by its AWS name, and the errors."""

from __future__ import annotations

from forebay.delivery.backup import backup_name
from forebay.delivery.section import DeliverySpec
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Service

SERVICE = Service("firehose")


def invalid(message: str) -> AwsError:
    """InvalidArgumentException."""
    return AwsError("InvalidArgumentException", message, http=400)


def delivery(asked: Asked, name: str) -> DeliverySpec:
    """The delivery of this name, declared or made over the wire. Raises AwsError."""
    found = asked.system.project().sections.get("delivery", {}).get(name)
    hidden = name.endswith(backup_name("")) and name not in names(asked)
    if not isinstance(found, DeliverySpec) or hidden:
        message = f"Firehose {name} under account {asked.account} not found."
        raise AwsError("ResourceNotFoundException", message, http=400)
    return found


def names(asked: Asked) -> set[str]:
    """The deliveries that are streams of Firehose's: not those that only keep another's copies."""
    return {
        *asked.system.declared().sections.get("delivery", {}),
        *(name for name, _ in asked.system.documents.all("delivery")),
    }


def reads(spec: DeliverySpec) -> str | None:
    """The log that the delivery reads; None where it is put to."""
    return None if spec.from_ is None else str(spec.from_)
