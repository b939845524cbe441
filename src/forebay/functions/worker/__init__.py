"""What runs inside a worker process. Imports little: a worker starts in a tenth of a second."""
