// Producers of Firehose and EventBridge, written with the JavaScript SDK and nothing but the environment.
import assert from "node:assert/strict";
import {
  CreateEventBusCommand, DeleteRuleCommand, DescribeRuleCommand, EventBridgeClient, ListRulesCommand,
  ListTargetsByRuleCommand, PutEventsCommand, PutRuleCommand, PutTargetsCommand, RemoveTargetsCommand,
  TestEventPatternCommand,
} from "@aws-sdk/client-eventbridge";
import {
  CreateDeliveryStreamCommand, DeleteDeliveryStreamCommand, DescribeDeliveryStreamCommand, FirehoseClient,
  ListDeliveryStreamsCommand, PutRecordBatchCommand, PutRecordCommand,
} from "@aws-sdk/client-firehose";
import {
  CreateStreamCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient,
} from "@aws-sdk/client-kinesis";
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { losing, refused, text, unique, until } from "./tools.mjs";

const firehose = new FirehoseClient({});
const events = new EventBridgeClient({});
const kinesis = new KinesisClient({});
const s3 = new S3Client({});
const bytes = (value) => new TextEncoder().encode(value);

async function delivery(seconds = 1) {
  const DeliveryStreamName = unique("js");
  const Bucket = unique("js");
  await s3.send(new CreateBucketCommand({ Bucket }));
  const destination = {
    BucketARN: `arn:aws:s3:::${Bucket}`,
    RoleARN: "arn:aws:iam::000000000000:role/firehose",
    Prefix: "in/",
    BufferingHints: { IntervalInSeconds: seconds, SizeInMBs: 1 },
  };
  const asked = { DeliveryStreamName, ExtendedS3DestinationConfiguration: destination };
  await firehose.send(new CreateDeliveryStreamCommand(asked));
  await until(async () => {
    const said = await firehose.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName }));
    return said.DeliveryStreamDescription.DeliveryStreamStatus === "ACTIVE";
  });
  return { DeliveryStreamName, Bucket };
}

async function delivered(Bucket) {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "in/" }));
  let all = "";
  for (const { Key } of Contents) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    all += await Body.transformToString();
  }
  return all;
}

// A bus of its own, with a rule of this pattern into a stream of its own.
async function bus(pattern) {
  const [EventBusName, StreamName] = [unique("js"), unique("js")];
  await events.send(new CreateEventBusCommand({ Name: EventBusName }));
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
  const rule = { Name: "all", EventBusName, EventPattern: JSON.stringify(pattern) };
  await events.send(new PutRuleCommand(rule));
  const Targets = [{ Id: "stream", Arn: StreamDescriptionSummary.StreamARN }];
  const put = await events.send(new PutTargetsCommand({ Rule: "all", EventBusName, Targets }));
  assert.equal(put.FailedEntryCount, 0);
  return { EventBusName, StreamName };
}

async function arrived(StreamName) {
  const asked = { StreamName, ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" };
  const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(asked));
  const { Records } = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
  return Records.map((each) => JSON.parse(text(each.Data)));
}

export const checks = {
  async what_firehose_is_given_is_delivered_byte_by_byte() {
    const { DeliveryStreamName, Bucket } = await delivery();
    const one = { DeliveryStreamName, Record: { Data: bytes("one ü\n") } };
    const { RecordId } = await firehose.send(new PutRecordCommand(one));
    assert.ok(RecordId.length > 20);
    const Records = Array.from({ length: 500 }, (_, n) => ({ Data: bytes(`${n}\n`) }));
    const answer = await firehose.send(new PutRecordBatchCommand({ DeliveryStreamName, Records }));
    assert.equal(answer.FailedPutCount, 0);
    assert.equal(new Set(answer.RequestResponses.map((each) => each.RecordId)).size, 500);
    const wanted = ["one ü", ...Records.map((_, n) => `${n}`), ""].join("\n");
    await until(async () => (await delivered(Bucket)).length >= wanted.length);
    assert.equal(await delivered(Bucket), wanted);
  },

  async delivery_streams_are_listed_and_deleted() {
    const { DeliveryStreamName } = await delivery(60);
    const asked = { ExclusiveStartDeliveryStreamName: DeliveryStreamName.slice(0, -1) };
    const { DeliveryStreamNames } = await firehose.send(new ListDeliveryStreamsCommand(asked));
    assert.ok(DeliveryStreamNames.includes(DeliveryStreamName));
    await firehose.send(new DeleteDeliveryStreamCommand({ DeliveryStreamName }));
    const gone = () => firehose.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName }));
    await until(() => gone().then(() => false, (error) => error.name === "ResourceNotFoundException"));
  },

  async what_firehose_refuses_has_its_error() {
    const { DeliveryStreamName } = await delivery(60);
    const put = (name, Data) =>
      firehose.send(new PutRecordCommand({ DeliveryStreamName: name, Record: { Data } }));
    await refused("ResourceNotFoundException", () => put("nobodys", bytes("x")));
    const large = new Uint8Array(1024 * 1000 + 1);
    const said = await refused("ValidationException", () => put(DeliveryStreamName, large));
    assert.match(said.message, /Member must have length less than or equal to 1024000/);
    const Records = Array.from({ length: 501 }, () => ({ Data: bytes("x") }));
    const many = new PutRecordBatchCommand({ DeliveryStreamName, Records });
    await refused("ValidationException", () => firehose.send(many));
  },

  async a_retry_to_firehose_is_no_second_record() {
    const { DeliveryStreamName, Bucket } = await delivery();
    const client = new FirehoseClient({});
    const ids = losing(client);
    await client.send(new PutRecordCommand({ DeliveryStreamName, Record: { Data: bytes("once\n") } }));
    assert.equal(ids.length, 2);
    assert.equal(ids[0], ids[1]);
    await firehose.send(new PutRecordCommand({ DeliveryStreamName, Record: { Data: bytes("after\n") } }));
    await until(async () => (await delivered(Bucket)).includes("after"));
    assert.equal(await delivered(Bucket), "once\nafter\n");
  },

  async events_that_match_arrive_in_their_envelope() {
    const { EventBusName, StreamName } = await bus({ source: ["shop"], detail: { price: [{ numeric: [">", 10] }] } });
    const entry = { EventBusName, Source: "shop", DetailType: "order", Time: new Date("2026-01-31T12:00:00Z") };
    const Entries = [5, 11, 12].map((price) => ({ ...entry, Detail: JSON.stringify({ price, name: "käse" }) }));
    const answer = await events.send(new PutEventsCommand({ Entries }));
    assert.equal(answer.FailedEntryCount, 0);
    const found = await until(async () => {
      const records = await arrived(StreamName);
      return records.length >= 2 && records;
    });
    assert.deepEqual(found.map((each) => each.detail), [{ price: 11, name: "käse" }, { price: 12, name: "käse" }]);
    assert.deepEqual(found.map((each) => each.id), answer.Entries.slice(1).map((each) => each.EventId));
    assert.equal(found[0].time, "2026-01-31T12:00:00Z");
    assert.deepEqual(
      [found[0].source, found[0]["detail-type"], found[0].account, found[0].region],
      ["shop", "order", "000000000000", "us-east-1"],
    );
  },

  async bad_entries_fail_one_by_one() {
    const { EventBusName } = await bus({ source: ["shop"] });
    const entry = { EventBusName, Source: "shop", DetailType: "order", Detail: "{}" };
    const Entries = [entry, { ...entry, Detail: "{" }, { ...entry, Source: undefined }];
    const answer = await events.send(new PutEventsCommand({ Entries }));
    assert.equal(answer.FailedEntryCount, 2);
    assert.deepEqual(answer.Entries.map((each) => each.ErrorCode), [undefined, "MalformedDetail", "InvalidArgument"]);
    const many = new PutEventsCommand({ Entries: Array.from({ length: 11 }, () => entry) });
    await refused("ValidationException", () => events.send(many));
  },

  async a_retry_to_the_bus_is_no_second_event() {
    const { EventBusName, StreamName } = await bus({ source: ["shop"] });
    const client = new EventBridgeClient({});
    const ids = losing(client);
    const entry = { EventBusName, Source: "shop", DetailType: "order" };
    await client.send(new PutEventsCommand({ Entries: [{ ...entry, Detail: '{"n":1}' }] }));
    assert.equal(ids.length, 2);
    assert.equal(ids[0], ids[1]);
    await events.send(new PutEventsCommand({ Entries: [{ ...entry, Detail: '{"n":2}' }] }));
    const found = await until(async () => {
      const records = await arrived(StreamName);
      return records.some((each) => each.detail.n === 2) && records;
    });
    assert.deepEqual(found.map((each) => each.detail.n), [1, 2]);
  },

  async rules_are_described_tested_and_deleted() {
    const { EventBusName } = await bus({ source: ["shop"] });
    const rule = await events.send(new DescribeRuleCommand({ Name: "all", EventBusName }));
    assert.equal(rule.State, "ENABLED");
    const { Rules } = await events.send(new ListRulesCommand({ EventBusName }));
    assert.deepEqual(Rules.map((each) => each.Name), ["all"]);
    const Event = JSON.stringify({
      id: "1", source: "shop", account: "0", time: "2026-01-01T00:00:00Z", region: "r", resources: [],
      "detail-type": "x", detail: {},
    });
    const { Result } = await events.send(new TestEventPatternCommand({ EventPattern: rule.EventPattern, Event }));
    assert.equal(Result, true);
    const wrong = { Name: "wrong", EventBusName, EventPattern: '{"source": "shop"}' };
    await refused("InvalidEventPatternException", () => events.send(new PutRuleCommand(wrong)));
    const { Targets } = await events.send(new ListTargetsByRuleCommand({ Rule: "all", EventBusName }));
    await events.send(new RemoveTargetsCommand({ Rule: "all", EventBusName, Ids: Targets.map((each) => each.Id) }));
    await events.send(new DeleteRuleCommand({ Name: "all", EventBusName }));
    const gone = new DescribeRuleCommand({ Name: "all", EventBusName });
    await refused("ResourceNotFoundException", () => events.send(gone));
  },
};
