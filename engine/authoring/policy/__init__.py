"""Policy: `policy.yaml` as the fold reads it, with the usual failure classes of its channels."""
