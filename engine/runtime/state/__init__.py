"""State: the states of one partition's customers (in memory or in RocksDB), their encoding, and the timer queue."""
