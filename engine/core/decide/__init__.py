"""Decide: the effect of one input on one customer. Callers use `decider.py` only; it describes the order of all steps.

Only this package records a decision or moves an instance. For each input, `decider.py` makes one object of each of these files:

- `recorder.py` holds the input, the facts recorded so far, and the state after them. It turns each fact into a decision.
- `step_runner.py` moves instances. No other file does.
- `enrolment.py` keeps segments and schedules up to date, and begins instances.

The other files answer questions of these four files and record nothing.
"""
