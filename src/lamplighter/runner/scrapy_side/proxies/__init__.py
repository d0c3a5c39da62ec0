"""Proxies of the run's pool: which one a request gets, how each did, and a bridge to those of other kinds."""
