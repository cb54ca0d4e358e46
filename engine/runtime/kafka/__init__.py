"""Kafka: connections, topics, rights, producers, consumers and the broker's clock. It does not know customers' states.

All of `engine/runtime` may import aiokafka, and no other package of the engine may: an import contract checks it. This package
has all code that is about Kafka alone; other files of the runtime use its clients with aiokafka's types and errors.
"""
