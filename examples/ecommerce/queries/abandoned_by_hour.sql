-- At which hour carts are left behind.
WITH carts AS (
  SELECT user_session, product_id, min(CASE WHEN event_type = 'cart' THEN event_time END) AS carted_at,
         count_if(event_type = 'purchase') AS bought
  FROM behaviour
  WHERE event_type IN ('cart', 'purchase')
  GROUP BY user_session, product_id
)
SELECT hour(carted_at) AS hour, count_if(bought = 0) AS abandoned, count(*) AS carted
FROM carts
WHERE carted_at IS NOT NULL
GROUP BY 1
ORDER BY 1
