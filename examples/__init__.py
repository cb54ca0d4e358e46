"""Runnable examples, each of which is a test too."""
