"""Evolve: how a recorded fact changes a customer's state. It decides nothing; the package `decide` makes all decisions."""
