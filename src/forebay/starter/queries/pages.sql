-- What is looked at most, and how long it takes to load
SELECT page, count(*) AS visits, avg(milliseconds) AS milliseconds
FROM events
GROUP BY page
ORDER BY visits DESC
