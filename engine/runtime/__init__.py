"""The runtime: the worker, and all other code that talks to Kafka.

No other folder of the engine may import Faust, aiokafka or RocksDB (docs/architecture.md#what-the-import-contracts-prove).
"""
