"""Policy: `policy.yaml` as the fold reads it, with the built-in failure classes of providers."""
