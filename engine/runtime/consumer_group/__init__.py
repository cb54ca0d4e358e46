"""The consumer group: Faust as its member, and the batches of records that Faust hands on.

The only package that imports Faust; `worker.py` takes the type `TP` from it.
"""
