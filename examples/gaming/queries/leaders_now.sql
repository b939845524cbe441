-- The leaderboard as it stands, from the windows that have closed.
SELECT place, player, team, points, kills
FROM leaderboard
WHERE window_end = (SELECT max(window_end) FROM leaderboard)
ORDER BY place
