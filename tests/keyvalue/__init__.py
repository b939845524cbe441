"""Key-value tables: values, expressions, the store."""
