SELECT order_id,
       customer_id,
       order_amount
FROM orders_processed
WHERE DATE_FORMAT(order_date, '%Y-%m') = '2025-02'
ORDER BY order_amount DESC
LIMIT 10;
