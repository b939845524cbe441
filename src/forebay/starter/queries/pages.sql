-- What is looked at most, and how long it takes to load; text, as a CSV has it, counts where it is a number
SELECT page, count(*) AS visits, avg(TRY_CAST(milliseconds AS double)) AS milliseconds
FROM events
GROUP BY page
ORDER BY visits DESC
