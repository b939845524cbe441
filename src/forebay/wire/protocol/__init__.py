"""AWS's wire protocols, read from botocore's own service models: requests in, answers and errors out."""
