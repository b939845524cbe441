SELECT player, count(*) AS deaths
FROM crawled_plays
WHERE event = 'death'
GROUP BY player
ORDER BY deaths DESC, player
