"""Replay: it reads the events of a history, and gives decisions, actions and stories.

Called by `engine/cli`, by `engine/runtime` and by the demo. This package cannot send a message and does not use Kafka.
"""
