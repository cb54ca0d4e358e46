"""The data types of the core: compiled definitions, inputs, customer states, decisions and actions.

They are msgspec structs, with functions that encode and decode them. No code in this package makes a decision, and the package
imports no other package of the core.
"""
