"""State: the customers of one partition, in memory or in RocksDB, how they are encoded, and which timers are due."""
