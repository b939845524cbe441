-- What the crawler found, with the types that the columns have.
SELECT orderid,
       customer,
       CAST(amount AS decimal(10,2)) AS amount,
       status,
       CAST(orderdate AS date) AS orderdate
FROM orders_db.processed
