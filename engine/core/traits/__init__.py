"""Traits: values that the engine computes from a customer's events, such as the number of orders in 30 days.

`evaluate.py` adds an event to the tallies of a customer, and computes the values of traits from the tallies. This package does
not know journeys or messages.
"""
