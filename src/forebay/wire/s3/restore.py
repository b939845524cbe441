"""Objects in classes of storage that are archives: not read before they are restored, which is done at once."""

from __future__ import annotations

from email.utils import format_datetime

from forebay.clock import now_us, to_datetime
from forebay.lake.lifecycle import due
from forebay.lake.shelf import Object
from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import caller, change, found_version, malformed, need_bucket
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
PARTIAL = "done at once; SQL and crawlers read objects of archive classes all the same. Tiers, outputs and Select are refused"
_INACTIVE = "The operation is not valid for the object's storage class"
_SOURCE = "Operation is not valid for the source object's storage class"


def _inactive(found: Object, message: str) -> AwsError:
    kept = found.meta.get("class", "STANDARD")
    return AwsError("InvalidObjectState", message, http=403, StorageClass=kept)


def restored_until(found: Object) -> int | None:
    """Until when (UTC us) an archived object may be read; None if it may not."""
    until: int | None = found.meta.get("restored")
    return until if until is not None and until > now_us() else None


def check_active(found: Object, *, source: bool = False) -> None:
    """Raise AwsError `InvalidObjectState` for an object that would have to be restored first."""
    if found.meta.get("class") in ARCHIVES and restored_until(found) is None:
        raise _inactive(found, _SOURCE if source else _INACTIVE)


def shown_restore(found: Object) -> Json:
    """The member that says that an archived object may be read, and until when."""
    until = restored_until(found) if found.meta.get("class") in ARCHIVES else None
    if until is None:
        return {}
    date = format_datetime(to_datetime(until), usegmt=True)
    return {"Restore": f'ongoing-request="false", expiry-date="{date}"'}


@operation("RestoreObject", partial=PARTIAL)
async def restore_object(asked: Asked, given: Json) -> Json:
    """Let an archived object be read for some days."""
    bucket = need_bucket(asked, given)
    found = await found_version(asked, bucket, given)
    wanted = given.get("RestoreRequest") or {}
    if found.meta.get("class") not in ARCHIVES:
        raise _inactive(found, _INACTIVE)
    if wanted.keys() - {"Days", "GlacierJobParameters", "Tier", "Description"}:
        raise AwsError("NotImplemented", "forebay restores objects, and does not select from them", http=501)
    days = wanted.get("Days")
    if not isinstance(days, int) or days < 1:
        raise malformed()
    again = restored_until(found) is not None
    args: Json = {"bucket": bucket, "key": found.key, "version": found.version, "caller": caller(asked)}
    await change(asked, "object_tag", restored=due(now_us(), days), **args)
    return {"_status": 200 if again else 202}
