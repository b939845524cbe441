SELECT customer_id,
       SUM(order_amount) AS total_spent
FROM orders_processed
GROUP BY customer_id
ORDER BY total_spent DESC;
