SELECT event_agency, event_borough, count(*) AS events
FROM tbl_all_data
GROUP BY event_agency, event_borough
ORDER BY events DESC, event_agency, event_borough
