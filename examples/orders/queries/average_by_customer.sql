SELECT customer_id,
       AVG(order_amount) AS average_order
FROM orders_processed
GROUP BY customer_id
ORDER BY average_order DESC;
