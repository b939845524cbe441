"""What the user wrote: read, check (all findings), model, graph."""
