"""One partition: taken over safely, decided batch by batch, and written in transactions.

`partition.py` drives the fold, `writer.py` commits, `takeover.py` and `tails.py` prove the last transaction whole.
"""
