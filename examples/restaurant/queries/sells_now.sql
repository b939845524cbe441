-- What guests look at now: the half hour before the newest click, most looked at first.
-- A look of at least ten seconds counts as interest.
WITH recent AS (
  SELECT element_clicked, time_spent,
         try(date_parse(replace(created_at, '–', '-'), '%Y-%m-%d %H:%i:%s')) AS clicked_at
  FROM clicks
  WHERE datehour >= date_format(now() - INTERVAL '2' HOUR, '%Y/%m/%d/%H')
)
SELECT element_clicked,
       count(*) AS looks,
       count_if(time_spent >= 10) AS interested,
       round(avg(time_spent), 1) AS seconds
FROM recent
WHERE clicked_at > (SELECT max(clicked_at) FROM recent) - INTERVAL '30' MINUTE
GROUP BY element_clicked
ORDER BY interested DESC, looks DESC, element_clicked
LIMIT 12
