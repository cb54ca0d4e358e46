"""Kafka: connections, topics, rights, clients and clocks. Everything that talks to a broker and knows no customer."""
