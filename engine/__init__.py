"""Dalang: an event-sourced customer-journey orchestration engine."""

__version__ = "0.1.0"
