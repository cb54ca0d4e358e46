"""The command line: each command has one file, which parses the options, makes one call and prints the result."""
