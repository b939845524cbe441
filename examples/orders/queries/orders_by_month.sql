SELECT DATE_FORMAT(order_date, '%Y-%m') AS order_month,
       COUNT(order_id) AS number_of_orders,
       SUM(order_amount) AS total_revenue
FROM orders_processed
GROUP BY DATE_FORMAT(order_date, '%Y-%m')
ORDER BY order_month;
