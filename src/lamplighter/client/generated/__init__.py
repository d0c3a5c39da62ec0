"""The client that waits, made by `make client`. Do not edit."""
