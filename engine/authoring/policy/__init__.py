"""Policy: the compiled form of `policy.yaml`, with the default failure classes of its channels."""
