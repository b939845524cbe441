-- How many came, day by day.
SELECT date(event_time) AS day, count(DISTINCT user_id) AS visitors
FROM behaviour
GROUP BY 1
ORDER BY 1
