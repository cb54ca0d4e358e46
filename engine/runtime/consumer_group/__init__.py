"""The consumer group: Faust is the worker's member in it, and passes the fetched records to the worker in chunks.

Faust is imported here and in two other files: `worker.py` uses its type `TP`, and `kafka/connection.py` its credentials.
"""
