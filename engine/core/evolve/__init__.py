"""Evolve: the effect of a recorded fact on a customer's state.

This package makes no choices; the package `decide` makes them all.
"""
