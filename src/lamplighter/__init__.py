"""Lamplighter runs web-scraping agents by the clock: on time, exactly once, and says why."""

__version__ = "0.1.0"
