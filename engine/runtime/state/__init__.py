"""The states of one partition's customers: their encoding, their stores in memory and in RocksDB, and their timer queue."""
