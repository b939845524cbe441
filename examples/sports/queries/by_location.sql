SELECT event_location, event_borough, count(*) AS events
FROM tbl_all_data
GROUP BY event_location, event_borough
ORDER BY events DESC, event_location
