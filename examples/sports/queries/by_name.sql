SELECT event_name, count(*) AS events
FROM tbl_all_data
GROUP BY event_name
ORDER BY events DESC, event_name
