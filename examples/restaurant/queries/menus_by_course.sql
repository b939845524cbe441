-- Where each part of the menu is read, over the last week.
SELECT source_menu,
       regexp_extract(element_clicked, '^[a-z]+') AS course,
       count(*) AS looks,
       round(avg(time_spent), 1) AS seconds
FROM clicks
WHERE datehour >= date_format(now() - INTERVAL '7' DAY, '%Y/%m/%d/%H')
GROUP BY 1, 2
ORDER BY 1, 2
