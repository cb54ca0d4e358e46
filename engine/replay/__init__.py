"""The replay of a history: this package reads recorded events and returns decisions, actions and stories.

Called by `engine/cli`, by `engine/runtime` and by the demo. Nothing in this folder can send a message or connect to Kafka.
"""
