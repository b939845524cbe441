-- Brands that are looked at and not bought: they need marketing.
SELECT brand, count_if(event_type = 'view') AS views, count_if(event_type = 'purchase') AS purchases
FROM behaviour
WHERE brand <> ''
GROUP BY brand
HAVING count_if(event_type = 'view') >= 10 AND count_if(event_type = 'purchase') = 0
ORDER BY views DESC, brand
