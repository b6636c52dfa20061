"""Runs: a run is a folder that the server owns, trained in a process of its own, and only read by pages."""
