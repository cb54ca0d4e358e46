"""Kafka: connections, topics, rights, producers, readers and the broker's clock; nothing here knows a customer's state."""
