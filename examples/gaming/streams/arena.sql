-- What happens in the arena, window by window, while it is played. It is Flink SQL, as a Studio notebook has it.

CREATE TABLE data2dashboard (
  play_id VARCHAR(36),
  event_time TIMESTAMP(3),
  player VARCHAR(30),
  team VARCHAR(30),
  event VARCHAR(10),
  weapon VARCHAR(20),
  points INT,
  WATERMARK FOR event_time AS event_time - INTERVAL '1' SECOND
) WITH (
  'connector' = 'kinesis',
  'stream' = 'data2dashboard',
  'aws.region' = 'us-east-1',
  'scan.stream.initpos' = 'LATEST',
  'format' = 'json',
  'json.timestamp-format.standard' = 'SQL'
);

CREATE TABLE kill_ratio (
  window_start TIMESTAMP(3), window_end TIMESTAMP(3), player VARCHAR(30), team VARCHAR(30),
  kills BIGINT, deaths BIGINT, ratio DOUBLE
) WITH ('connector' = 'firehose', 'delivery-stream' = 'kill_ratio', 'format' = 'json');

CREATE TABLE team_performance (
  window_start TIMESTAMP(3), window_end TIMESTAMP(3), team VARCHAR(30), players BIGINT,
  kills BIGINT, deaths BIGINT, points BIGINT
) WITH ('connector' = 'firehose', 'delivery-stream' = 'team_performance', 'format' = 'json');

CREATE TABLE leaderboard (
  window_start TIMESTAMP(3), window_end TIMESTAMP(3), place BIGINT, player VARCHAR(30), team VARCHAR(30),
  points BIGINT, kills BIGINT
) WITH ('connector' = 'kinesis', 'stream' = 'leaderboard', 'aws.region' = 'us-east-1', 'format' = 'json');

-- Kills by deaths, of each player's last minute, every five seconds. Who has not died yet counts as having once.
INSERT INTO kill_ratio
SELECT window_start, window_end, player, team,
  COUNT(*) FILTER (WHERE event = 'kill') AS kills,
  COUNT(*) FILTER (WHERE event = 'death') AS deaths,
  CAST(COUNT(*) FILTER (WHERE event = 'kill') AS DOUBLE)
    / GREATEST(COUNT(*) FILTER (WHERE event = 'death'), 1) AS ratio
FROM TABLE(HOP(TABLE data2dashboard, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '60' SECOND))
GROUP BY window_start, window_end, player, team;

-- What each team did in five seconds.
INSERT INTO team_performance
SELECT window_start, window_end, team,
  COUNT(DISTINCT player) AS players,
  COUNT(*) FILTER (WHERE event = 'kill') AS kills,
  COUNT(*) FILTER (WHERE event = 'death') AS deaths,
  SUM(points) FILTER (WHERE event = 'kill') AS points
FROM TABLE(TUMBLE(TABLE data2dashboard, DESCRIPTOR(event_time), INTERVAL '5' SECOND))
GROUP BY window_start, window_end, team;

-- The first ten of a match of fifteen minutes, as it stands every five seconds.
INSERT INTO leaderboard
SELECT window_start, window_end, place, player, team, points, kills
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY points DESC, player) AS place
  FROM (
    SELECT window_start, window_end, player, team, SUM(points) AS points, COUNT(*) AS kills
    FROM TABLE(CUMULATE(TABLE data2dashboard, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '15' MINUTE))
    WHERE event = 'kill'
    GROUP BY window_start, window_end, player, team
  )
)
WHERE place <= 10;
