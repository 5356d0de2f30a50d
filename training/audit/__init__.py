"""The leakage audit: what in the data can only have been written with the outcome in view."""
