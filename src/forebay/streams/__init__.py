"""The durable ordered log, sharded by partition key (Kinesis Data Streams)."""
