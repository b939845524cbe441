-- partition_0 is the delivery's folder, partition_1 the day.
SELECT partition_0 AS category, partition_1 AS day, count(*) AS events
FROM tbl_all_data
GROUP BY partition_0, partition_1
ORDER BY day, category
