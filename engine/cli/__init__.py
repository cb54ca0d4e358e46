"""The command line, with one file for each command, which parses its options, makes one call and prints the result."""
