"""Scores leave: the scorer, reasons in words, decisions, the API, the pages and the service around them."""
