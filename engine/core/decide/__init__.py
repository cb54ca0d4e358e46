"""Decide: what one input does to one customer. `decider.py` tells the order and is the only way in.

Only this package records a decision or moves an instance. For each input, `decider.py` makes one object of each of these files:

- `recorder.py` holds the input, the facts so far and the state to which they fold. It makes a decision of each fact.
- `step_runner.py` moves instances. No other file does.
- `enrolment.py` keeps segments and schedules up to date, and begins instances.

The other files only answer questions of these four, as `context`, `rules`, `send_policy.py` and `steps` do.
"""
