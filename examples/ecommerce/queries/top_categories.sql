-- What they look at, by weekday and hour.
WITH counted AS (
  SELECT day_of_week(event_time) AS weekday, hour(event_time) AS hour, category_code, count(*) AS actions
  FROM behaviour
  WHERE category_code <> ''
  GROUP BY 1, 2, 3
)
SELECT weekday, hour, category_code, actions
FROM (SELECT *, row_number() OVER (PARTITION BY weekday, hour ORDER BY actions DESC, category_code) AS place FROM counted)
WHERE place <= 3
ORDER BY weekday, hour, place
