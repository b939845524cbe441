SELECT order_status,
       COUNT(order_id) AS number_of_orders,
       SUM(order_amount) AS total_amount
FROM orders_processed
GROUP BY order_status
ORDER BY order_status;
