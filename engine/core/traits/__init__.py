"""Traits: how values computed from a customer's events are kept and evaluated.

`evaluate.py` folds an event into the tallies and reads values from them. Nothing here knows journeys or messages.
"""
