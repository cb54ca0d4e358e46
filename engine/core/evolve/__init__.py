"""Evolve: how a recorded decision changes a customer's state. It never chooses; `decide` makes every choice."""
