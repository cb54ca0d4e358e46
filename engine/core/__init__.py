"""The pure core: decide, evolve, react. No I/O, no clock, no chance; it imports msgspec and itself, nothing else."""
