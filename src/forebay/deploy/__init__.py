"""The project on AWS."""
