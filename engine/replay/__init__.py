"""Replay of a history: events come in, and decisions, actions and stories come out.

Called by `engine/cli`, by `engine/runtime` and by the demo. Nothing in this folder can send a message or reach Kafka.
"""
