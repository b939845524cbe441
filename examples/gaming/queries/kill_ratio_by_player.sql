SELECT player, team,
       count_if(event = 'kill') AS kills,
       count_if(event = 'death') AS deaths,
       round(CAST(count_if(event = 'kill') AS double) / greatest(count_if(event = 'death'), 1), 2) AS ratio
FROM crawled_plays
GROUP BY player, team
ORDER BY ratio DESC, player
