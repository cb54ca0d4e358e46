"""Monitoring: metrics, health, probes and traces of a worker. Monitoring never changes the work of a worker."""
