"""The consumer group: Faust is its member, and passes batches of records to the worker.

Only this package imports Faust; `worker.py` imports the type `TP`.
"""
