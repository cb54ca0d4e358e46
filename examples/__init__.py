"""Runnable examples; each is a test too."""
