-- The course's notebook: who does more in ten seconds than people do.
CREATE TABLE activity_stream (
  product_id BIGINT,
  category_id BIGINT,
  price DOUBLE,
  user_id BIGINT,
  event_type VARCHAR(30),
  brand VARCHAR(30),
  category_code VARCHAR(30),
  user_session VARCHAR(40),
  txn_timestamp TIMESTAMP(3),
  WATERMARK FOR txn_timestamp AS txn_timestamp - INTERVAL '10' SECOND
) PARTITIONED BY (category_id)
WITH (
  'connector' = 'kinesis',
  'stream' = 'activity',
  'aws.region' = 'us-east-1',
  'scan.stream.initpos' = 'LATEST',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

CREATE TABLE suspicious_stream (
  user_id BIGINT,
  num_actions_per_watermark BIGINT,
  window_end TIMESTAMP(3)
) WITH (
  'connector' = 'kinesis',
  'stream' = 'suspicious',
  'aws.region' = 'us-east-1',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

INSERT INTO suspicious_stream
SELECT user_id, COUNT(1), TUMBLE_END(txn_timestamp, INTERVAL '10' SECOND)
FROM activity_stream
GROUP BY user_id, TUMBLE(txn_timestamp, INTERVAL '10' SECOND)
HAVING COUNT(1) > 5;
