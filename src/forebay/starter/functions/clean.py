"""What happens to each event on its way into the lake."""

from datetime import UTC, datetime


def clean(event):
    """Return the event to keep it, None to drop it, a list to make several of it."""
    if event.get("page") == "/healthz":  # a probe is no visit
        return None
    event.setdefault("at", datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    return event
