"""Kafka: connections, topics, rights, clients and clocks, for all code that talks to a broker but knows no customer states."""
