"""Hypothesis profiles: the same examples in every run by default; `DALANG_HYPOTHESIS=long` looks for new ones."""

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile("default", derandomize=True, deadline=None, max_examples=60, suppress_health_check=_SLOW)
settings.register_profile("long", deadline=None, max_examples=2_000, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("DALANG_HYPOTHESIS", "default"))
