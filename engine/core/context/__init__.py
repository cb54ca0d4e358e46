"""The context of a decision: the live definitions, the customer, the instance, the moment, and the ports to CEL and Liquid.

Everything here only reads. Nothing here records a decision or changes a state.
"""
