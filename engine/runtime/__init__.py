"""The runtime: Faust, Kafka, the worker's clock and the customers' states.

No other folder of the engine may import Faust, aiokafka or RocksDB (docs/architecture.md#what-the-import-contracts-prove).
"""
