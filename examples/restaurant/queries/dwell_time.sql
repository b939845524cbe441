-- How long guests look at each dish, over the last week: the middle one and the longest tenth.
SELECT element_clicked,
       count(*) AS looks,
       approx_percentile(time_spent, 0.5) AS typical,
       approx_percentile(time_spent, 0.9) AS longest_tenth
FROM clicks
WHERE datehour >= date_format(now() - INTERVAL '7' DAY, '%Y/%m/%d/%H')
GROUP BY element_clicked
ORDER BY typical DESC, element_clicked
