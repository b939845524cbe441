"""What Firehose's operations share: a delivery found by its AWS name, and the errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from botocore.model import OperationModel

from forebay.delivery.backup import backup_name
from forebay.delivery.section import DeliverySpec
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, Service


class Firehose(Service):
    """Firehose, which takes plain HTTP for endpoints of this machine, where AWS's model has HTTPS only."""

    def check(self, model: OperationModel, given: Json, asked: Asked) -> None:
        """Refuse what breaks the constraints of the model."""
        for name in ("HttpEndpointDestinationConfiguration", "HttpEndpointDestinationUpdate"):
            endpoint = (given.get(name) or {}).get("EndpointConfiguration") or {}
            if is_own(endpoint.get("Url")):
                changed = {**endpoint, "Url": "https" + str(endpoint["Url"])[len("http") :]}
                given = {**given, name: {**given[name], "EndpointConfiguration": changed}}
        super().check(model, given, asked)


SERVICE = Firehose("firehose")
_OWN = frozenset({"localhost", "127.0.0.1", "::1"})


def is_own(url: Any) -> bool:
    """Whether a URL is `http` and of this machine."""
    try:
        parts = urlsplit(str(url))
        return parts.scheme == "http" and parts.hostname in _OWN
    except ValueError:
        return False


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


def encrypted(asked: Asked, name: str) -> bool:
    """Whether a delivery stream says that it encrypts."""
    meta = (asked.system.documents.get("delivery", name) or {}).get("meta") or {}
    return (meta.get("encryption") or {}).get("Status") == "ENABLED"


def reads(spec: DeliverySpec) -> str | None:
    """The log that the delivery reads; None where it is put to."""
    return None if spec.from_ is None else str(spec.from_)
