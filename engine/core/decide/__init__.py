"""Decide: the effect of one input on one customer.

Callers outside this package use `decider.py` only, whose docstring lists the order of all steps. Only this package records
decisions and moves instances. For each input, `decider.py` makes one object from each of these files:

- `recorder.py` stores the input, the facts recorded so far, and the state after these facts. It turns each fact into a
  decision.
- `enrolment.py` keeps segments and schedules up to date, and begins instances.
- `step_runner.py` moves the instances that have begun. No other file does.

The functions of the other files only return results to `decider.py` and these three files; they record nothing.
"""
