"""The command line: one file a command. Parse, one call, print."""
