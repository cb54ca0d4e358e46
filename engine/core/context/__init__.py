"""The context of a decision: the live definitions, the customer, the instance, the moment, and the ports to CEL and Liquid.

This package only reads: it never records a decision and never changes a state.
"""
