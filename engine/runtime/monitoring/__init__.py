"""Monitoring: metrics, health, probes and traces of a worker. Nothing here changes what a worker does."""
