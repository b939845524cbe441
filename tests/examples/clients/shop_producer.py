"""Puts records as the Kinesis Producer Library does, many in one: shop_producer.py STREAM < lines of JSON"""

import json
import sys

import boto3
from aws_kinesis_agg.aggregator import RecordAggregator

kinesis = boto3.client("kinesis")


def send(stream, record):
    partition_key, explicit_hash_key, data = record.get_contents()
    more = {"ExplicitHashKey": explicit_hash_key} if explicit_hash_key else {}
    answer = kinesis.put_record(StreamName=stream, Data=data, PartitionKey=partition_key, **more)
    print(record.get_num_user_records(), answer["SequenceNumber"])


def main(stream):
    aggregator = RecordAggregator(max_size=2048)
    aggregator.on_record_complete(lambda record: send(stream, record))
    for line in sys.stdin:
        aggregator.add_user_record(str(json.loads(line)["user_id"]), line.strip())
    last = aggregator.clear_and_get()
    if last:
        send(stream, last)


if __name__ == "__main__":
    main(*sys.argv[1:])
