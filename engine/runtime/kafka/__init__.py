"""Kafka: connections, topics, rights, producers, consumers and the broker's clock. It does not know customers' states."""
