-- What was put into a cart in a session, and not bought in it.
SELECT user_session, product_id, min(event_time) AS carted_at, max(price) AS price
FROM behaviour
WHERE event_type IN ('cart', 'purchase')
GROUP BY user_session, product_id
HAVING count_if(event_type = 'cart') > 0 AND count_if(event_type = 'purchase') = 0
ORDER BY carted_at, product_id
