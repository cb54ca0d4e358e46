"""Decide: what one input does to one customer. `decider.py` tells the order and is the only way in.

Only this package moves an instance from step to step or records a decision. It reads through `context` and asks `rules`,
`send_policy.py` and `steps` for answers.
"""
