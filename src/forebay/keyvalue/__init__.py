"""Small mutable tables for functions (DynamoDB)."""
