"""Rules: a pattern on the event, targets, input transformers (EventBridge)."""
