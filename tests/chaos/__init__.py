"""`make chaos`: the long form of the failure tests. Run by hand and before a release, never by pytest."""
