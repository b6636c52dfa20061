"""Measurements of the lab: each is run by hand, prints a table and ends with one line of JSON."""
