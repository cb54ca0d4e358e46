"""Policy: compiles `policy.yaml` to the form that the fold uses, and adds the default failure classes of its channels."""
