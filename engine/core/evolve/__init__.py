"""Evolve: how a recorded fact changes a customer's state. It never chooses; `decide` makes every choice."""
