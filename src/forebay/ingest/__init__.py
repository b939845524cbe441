"""HTTP routes: validate, authenticate, throttle, accept (API Gateway)."""
