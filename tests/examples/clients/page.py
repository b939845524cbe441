"""The orders page: a Flask app that shows what Athena answers."""

import sys

from answers import run
from flask import Flask, render_template_string

QUERIES = {
    "total_by_customer": """
        SELECT customer_id, SUM(order_amount) AS total_spent
        FROM orders_processed GROUP BY customer_id ORDER BY total_spent DESC;""",
    "orders_by_month": """
        SELECT DATE_FORMAT(order_date, '%Y-%m') AS order_month, COUNT(order_id) AS number_of_orders,
               SUM(order_amount) AS total_revenue
        FROM orders_processed GROUP BY DATE_FORMAT(order_date, '%Y-%m') ORDER BY order_month;""",
    "orders_by_status": """
        SELECT order_status, COUNT(order_id) AS number_of_orders, SUM(order_amount) AS total_amount
        FROM orders_processed GROUP BY order_status ORDER BY order_status;""",
    "average_by_customer": """
        SELECT customer_id, AVG(order_amount) AS average_order
        FROM orders_processed GROUP BY customer_id ORDER BY average_order DESC;""",
    "top_of_february": """
        SELECT order_id, customer_id, order_amount FROM orders_processed
        WHERE DATE_FORMAT(order_date, '%Y-%m') = '2025-02' ORDER BY order_amount DESC LIMIT 10;""",
}
PAGE = """
<h1>Orders</h1>
{% for name, rows in answers.items() %}
<h2>{{ name }}</h2>
<table>
{% for row in rows %}<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% endfor %}
"""

app = Flask(__name__)


@app.route("/")
def index():
    return render_template_string(PAGE, answers={name: run(query) for name, query in QUERIES.items()})


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
