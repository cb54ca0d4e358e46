"""Runnable examples, which the tests run too."""
