"""One partition: a worker takes it over, decides its records in batches, and writes each batch in a transaction.

`partition.py` drives the fold, and `writer.py` commits. `takeover.py` and `tails.py` check that the last transaction is whole.
"""
