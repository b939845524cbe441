-- Dishes that are opened and left at once (within five seconds), over the last week, worst first.
SELECT element_clicked,
       count(*) AS looks,
       count_if(time_spent < 5) AS left_at_once,
       round(100e0 * count_if(time_spent < 5) / count(*), 1) AS percent
FROM clicks
WHERE datehour >= date_format(now() - INTERVAL '7' DAY, '%Y/%m/%d/%H')
GROUP BY element_clicked
HAVING count(*) >= 20
ORDER BY percent DESC, looks DESC, element_clicked
