-- Who does more in ten seconds than people do. As it would stand in a Managed Flink Studio notebook.
CREATE TABLE activity (
  event_type VARCHAR(30),
  product_id BIGINT,
  category_id BIGINT,
  category_code VARCHAR(60),
  brand VARCHAR(30),
  price DOUBLE,
  user_id BIGINT,
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

CREATE TABLE suspicious (
  detector VARCHAR(20),
  subject VARCHAR(50),
  actions BIGINT,
  products BIGINT,
  window_end TIMESTAMP(3)
) WITH (
  'connector' = 'kinesis',
  'stream' = 'suspicious',
  'aws.region' = 'us-east-1',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

INSERT INTO suspicious
SELECT 'user', CAST(user_id AS VARCHAR(50)), COUNT(1), COUNT(DISTINCT product_id),
       TUMBLE_END(txn_timestamp, INTERVAL '10' SECOND)
FROM activity
GROUP BY user_id, TUMBLE(txn_timestamp, INTERVAL '10' SECOND)
HAVING COUNT(1) > 8;
