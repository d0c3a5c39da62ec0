"""The command line: arguments in, requests through ``lamplighter.client``, calm text out."""
