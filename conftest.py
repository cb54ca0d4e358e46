"""Fixtures that several folders of tests share: real brokers and workers, and the shop's history."""

pytest_plugins = ["tests.integration.brokers", "tests.acceptance.history"]
