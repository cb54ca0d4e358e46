"""One partition: a worker takes the partition over, decides its records in batches, and writes each batch in a transaction.

`partition.py` decides, and `writer.py` writes. At a takeover, `takeover.py` and `tails.py` check that the last transaction is
complete.
"""
