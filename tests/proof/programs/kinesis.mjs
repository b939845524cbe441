// A producer and a reader of Kinesis, written with the JavaScript SDK and nothing but the environment.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  AddTagsToStreamCommand, CreateStreamCommand, DeleteStreamCommand, DescribeStreamCommand,
  DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand,
  ListStreamsCommand, ListTagsForStreamCommand, MergeShardsCommand, PutRecordCommand, PutRecordsCommand,
  RegisterStreamConsumerCommand, SplitShardCommand, SubscribeToShardCommand, waitUntilStreamExists,
  waitUntilStreamNotExists,
} from "@aws-sdk/client-kinesis";
import { losing, refused, text, unique, until } from "./tools.mjs";

const kinesis = new KinesisClient({});
const bytes = (value) => new TextEncoder().encode(value);

async function stream(ShardCount = 1) {
  const StreamName = unique("js");
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 60 }, { StreamName });
  return StreamName;
}

async function everything(StreamName) {
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName }));
  const records = [];
  for (const { ShardId } of Shards) {
    const asked = { StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" };
    let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(asked));
    while (ShardIterator) {
      const answer = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
      records.push(...answer.Records.map((each) => ({ ...each, ShardId })));
      if (answer.MillisBehindLatest === 0) break;
      ShardIterator = answer.NextShardIterator;
    }
  }
  return records;
}

export const checks = {
  async streams_are_made_described_listed_tagged_and_deleted() {
    const StreamName = await stream(2);
    const { StreamDescription } = await kinesis.send(new DescribeStreamCommand({ StreamName }));
    assert.equal(StreamDescription.StreamStatus, "ACTIVE");
    assert.equal(StreamDescription.Shards.length, 2);
    assert.ok(StreamDescription.StreamCreationTimestamp instanceof Date);
    const { StreamNames } = await kinesis.send(new ListStreamsCommand({ Limit: 100 }));
    assert.ok(StreamNames.includes(StreamName));
    await kinesis.send(new AddTagsToStreamCommand({ StreamName, Tags: { team: "käse" } }));
    const { Tags } = await kinesis.send(new ListTagsForStreamCommand({ StreamName }));
    assert.deepEqual(Tags, [{ Key: "team", Value: "käse" }]);
    await kinesis.send(new DeleteStreamCommand({ StreamName }));
    await waitUntilStreamNotExists({ client: kinesis, maxWaitTime: 60 }, { StreamName });
  },

  async what_was_put_is_read_in_order_with_its_numbers() {
    const StreamName = await stream();
    const sent = [bytes("first"), bytes("ünicödé 统一码 💣"), Uint8Array.from({ length: 256 }, (_, n) => n)];
    const put = [];
    for (const [n, Data] of sent.entries())
      put.push(await kinesis.send(new PutRecordCommand({ StreamName, Data, PartitionKey: `key ${n}` })));
    const found = await everything(StreamName);
    assert.deepEqual(found.map((each) => [...each.Data]), sent.map((each) => [...each]));
    assert.deepEqual(found.map((each) => each.PartitionKey), ["key 0", "key 1", "key 2"]);
    assert.deepEqual(found.map((each) => each.SequenceNumber), put.map((each) => each.SequenceNumber));
    const numbers = put.map((each) => BigInt(each.SequenceNumber));
    assert.ok(numbers[0] < numbers[1] && numbers[1] < numbers[2]);
    for (const each of found) assert.ok(Math.abs(each.ApproximateArrivalTimestamp - Date.now()) < 60_000);
  },

  async many_are_answered_in_the_order_of_the_call_and_sharded_by_md5() {
    const StreamName = await stream(3);
    const Records = Array.from({ length: 500 }, (_, n) => ({ Data: bytes(`${n}`), PartitionKey: `käy-${n}` }));
    const answer = await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
    assert.equal(answer.FailedRecordCount, 0);
    const third = (1n << 128n) / 3n;
    answer.Records.forEach((each, n) => {
      const hash = BigInt(`0x${createHash("md5").update(Records[n].PartitionKey).digest("hex")}`);
      const shard = hash / third > 2n ? 2n : hash / third;
      assert.equal(each.ShardId, `shardId-${String(shard).padStart(12, "0")}`);
    });
    const found = await everything(StreamName);
    assert.equal(found.length, 500);
    for (const { ShardId } of answer.Records.slice(0, 3)) {
      const here = found.filter((each) => each.ShardId === ShardId).map((each) => Number(text(each.Data)));
      assert.deepEqual(here, [...here].sort((a, b) => a - b));
    }
  },

  async an_explicit_hash_key_and_an_earlier_number_are_taken() {
    const StreamName = await stream(2);
    const given = { StreamName, Data: bytes("x"), PartitionKey: "k", ExplicitHashKey: String((1n << 128n) - 1n) };
    const first = await kinesis.send(new PutRecordCommand(given));
    assert.equal(first.ShardId, "shardId-000000000001");
    const after = { ...given, SequenceNumberForOrdering: first.SequenceNumber };
    const second = await kinesis.send(new PutRecordCommand(after));
    assert.ok(BigInt(second.SequenceNumber) > BigInt(first.SequenceNumber));
  },

  async bad_input_is_refused_with_its_error() {
    const StreamName = await stream();
    const one = { Data: bytes("a"), PartitionKey: "key" };
    const missing = { StreamName: "nobodys", ...one };
    const lost = await refused("ResourceNotFoundException", () => kinesis.send(new PutRecordCommand(missing)));
    assert.equal(lost.$metadata.httpStatusCode, 400);
    assert.match(lost.message, /Stream nobodys under account 000000000000 not found/);
    const wrong = { StreamName, ...one, ExplicitHashKey: String(1n << 128n) };
    await refused("InvalidArgumentException", () => kinesis.send(new PutRecordCommand(wrong)));
    const long = { StreamName, ...one, PartitionKey: "k".repeat(257) };
    const said = await refused("ValidationException", () => kinesis.send(new PutRecordCommand(long)));
    assert.match(said.message, /Member must have length less than or equal to 256/);
    const many = { StreamName, Records: Array.from({ length: 501 }, () => one) };
    await refused("ValidationException", () => kinesis.send(new PutRecordsCommand(many)));
    await refused("ResourceInUseException", () => kinesis.send(new CreateStreamCommand({ StreamName })));
    await refused("ValidationException", () => kinesis.send(new CreateStreamCommand({ StreamName: "a b" })));
    const expired = { ShardIterator: "nonsense" };
    await refused("InvalidArgumentException", () => kinesis.send(new GetRecordsCommand(expired)));
  },

  async a_retry_after_a_lost_answer_is_no_second_record() {
    const StreamName = await stream();
    for (const command of [
      new PutRecordCommand({ StreamName, Data: bytes("one"), PartitionKey: "k" }),
      new PutRecordsCommand({ StreamName, Records: [{ Data: bytes("many"), PartitionKey: "k" }] }),
    ]) {
      const client = new KinesisClient({});
      const ids = losing(client);
      await client.send(command);
      assert.equal(ids.length, 2);
      assert.equal(ids[0], ids[1]);
    }
    assert.deepEqual((await everything(StreamName)).map((each) => text(each.Data)), ["one", "many"]);
  },

  async shards_split_and_merge() {
    const StreamName = await stream();
    const half = { ShardToSplit: "shardId-000000000000", NewStartingHashKey: String(1n << 127n) };
    await kinesis.send(new SplitShardCommand({ StreamName, ...half }));
    await waitUntilStreamExists({ client: kinesis, maxWaitTime: 60 }, { StreamName });
    const both = { ShardToMerge: "shardId-000000000001", AdjacentShardToMerge: "shardId-000000000002" };
    await kinesis.send(new MergeShardsCommand({ StreamName, ...both }));
    await waitUntilStreamExists({ client: kinesis, maxWaitTime: 60 }, { StreamName });
    const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    assert.equal(StreamDescriptionSummary.OpenShardCount, 1);
    const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName }));
    assert.equal(Shards.length, 4);
    assert.equal(Shards[3].AdjacentParentShardId, "shardId-000000000002");
  },

  async a_registered_consumer_is_sent_records_as_they_come() {
    const StreamName = await stream();
    const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    const asked = { StreamARN: StreamDescriptionSummary.StreamARN, ConsumerName: "js" };
    const { Consumer } = await kinesis.send(new RegisterStreamConsumerCommand(asked));
    const from = {
      ConsumerARN: Consumer.ConsumerARN,
      ShardId: "shardId-000000000000",
      StartingPosition: { Type: "TRIM_HORIZON" },
    };
    const subscribed = await until(() =>
      kinesis.send(new SubscribeToShardCommand(from)).catch((error) => {
        if (error.name === "ResourceInUseException") return null;
        throw error;
      }),
    );
    await kinesis.send(new PutRecordCommand({ StreamName, Data: bytes("pushed"), PartitionKey: "k" }));
    for await (const event of subscribed.EventStream) {
      const records = event.SubscribeToShardEvent?.Records ?? [];
      if (records.length === 0) continue;
      assert.equal(text(records[0].Data), "pushed");
      return;
    }
    assert.fail("the subscription ended without the record");
  },

  async a_hundred_calls_at_once_are_all_kept() {
    const StreamName = await stream(2);
    const put = (n) =>
      kinesis.send(new PutRecordCommand({ StreamName, Data: bytes(`${n}`), PartitionKey: `${n}` }));
    await Promise.all(Array.from({ length: 100 }, (_, n) => put(n)));
    const found = (await everything(StreamName)).map((each) => Number(text(each.Data)));
    assert.deepEqual(found.sort((a, b) => a - b), Array.from({ length: 100 }, (_, n) => n));
  },
};
