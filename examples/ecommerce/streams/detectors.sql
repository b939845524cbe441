-- What counting one user's actions does not find: many users of one address, and patient scrapers.
CREATE TABLE activity (
  event_type VARCHAR(30),
  product_id BIGINT,
  user_id BIGINT,
  user_session VARCHAR(40),
  ip VARCHAR(45),
  txn_timestamp TIMESTAMP(3),
  WATERMARK FOR txn_timestamp AS txn_timestamp - INTERVAL '10' SECOND
) WITH (
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

BEGIN STATEMENT SET;

-- An attack that is spread over many accounts still comes from somewhere.
INSERT INTO suspicious
SELECT 'address', ip, COUNT(1), COUNT(DISTINCT product_id), window_end
FROM TABLE(TUMBLE(TABLE activity, DESCRIPTOR(txn_timestamp), INTERVAL '10' SECOND))
WHERE ip IS NOT NULL
GROUP BY ip, window_start, window_end
HAVING COUNT(1) > 15 AND COUNT(DISTINCT user_id) > 3;

-- One who looks at product after product, slowly, and never puts one into the cart.
INSERT INTO suspicious
SELECT 'scraper', user_session, COUNT(1), COUNT(DISTINCT product_id), window_end
FROM TABLE(HOP(TABLE activity, DESCRIPTOR(txn_timestamp), INTERVAL '20' SECOND, INTERVAL '60' SECOND))
GROUP BY user_session, window_start, window_end
HAVING COUNT(DISTINCT product_id) > 18 AND COUNT(*) FILTER (WHERE event_type <> 'view') = 0;

END;
