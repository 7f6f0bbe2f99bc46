"""A real Squid that writes logs for the tests."""
