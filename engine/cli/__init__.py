"""The command line, with one file for each command. The file parses the options, makes one call and prints the result."""
