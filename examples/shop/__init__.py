"""The shop: the data and the program of `make demo`."""
