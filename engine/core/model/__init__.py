"""The values of the core: compiled definitions, inputs, customer states, decisions and actions.

Plain msgspec structs with their encodings. Nothing here decides anything or imports another package of the core.
"""
