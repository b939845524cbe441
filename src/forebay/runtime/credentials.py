"""The credentials that a function's own AWS clients use: temporary ones of its role.

A role that there is bounds the function, whether or not signatures are wanted of others. Without one, a
function of the project may do everything (it is the owner's own code), one made over the wire nothing; where
requests need no signature anyway, both sign as everybody does.
"""

from __future__ import annotations

from forebay.access.sessions import Session, new_id, secret_of, token_of
from forebay.clock import now_us
from forebay.runtime.directory import ROLE, Directory

YEAR = 365 * 86_400
"""Seconds: longer than a worker lives. A role that is removed ends its credentials at once."""


def function_credentials(
    directory: Directory, *, function: str, role: str | None, uploaded: bool, open: bool
) -> dict[str, str]:
    """Environment variables for a worker of `function`; none where any signature will do.

    `open`: requests are accepted unsigned. `uploaded`: the function was made over the wire.
    """
    known = role is not None and directory.get(ROLE, role) is not None
    if open and not known:
        return {}
    bounded = known or uploaded
    session = Session(
        new_id("ASIA"),
        "role" if bounded else "root",
        (role or "") if bounded else "",
        function.partition(":")[0],
        float(now_us() // 1_000_000 + YEAR),
    )
    master = directory.master()
    return {
        "AWS_ACCESS_KEY_ID": session.key_id,
        "AWS_SECRET_ACCESS_KEY": secret_of(session.key_id, master),
        "AWS_SESSION_TOKEN": token_of(session, master),
    }
