SELECT team,
       count_if(event = 'kill') AS kills,
       count_if(event = 'death') AS deaths,
       sum(CASE WHEN event = 'kill' THEN points END) AS points
FROM crawled_plays
GROUP BY team
ORDER BY points DESC, team
