"""Buffer, transform, convert, partition, write (Data Firehose)."""
