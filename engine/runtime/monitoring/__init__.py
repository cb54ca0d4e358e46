"""Monitoring of a worker: metrics, health, HTTP probes and traces. Nothing here changes what a worker does."""
