"""Kafka: connections, topics, rights, producers, readers and the broker's clock; nothing here knows a customer's state.

All of `engine/runtime` may import aiokafka, and no other package of the engine may: an import contract checks this rule. This
package has all code that is about Kafka alone. The other files of the runtime use its clients, with aiokafka's types and errors.
"""
