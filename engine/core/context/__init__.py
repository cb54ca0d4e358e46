"""The context of a decision: the data that the decider and the steps read before they choose.

It consists of the live definitions, the customer, the instance, the current time, and the ports to CEL and Liquid. The modules
of this package only read: they record no decision and change no customer's state.
"""
