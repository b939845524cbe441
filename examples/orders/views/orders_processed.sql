-- The same under the names that the documentation's queries ask for.
SELECT orderid AS order_id,
       customer AS customer_id,
       amount AS order_amount,
       status AS order_status,
       orderdate AS order_date
FROM orders_db.filtered_orders
