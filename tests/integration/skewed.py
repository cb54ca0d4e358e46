"""`dalang` on a machine whose wall clock is wrong: `time.time` is so many seconds ahead as the file DALANG_TEST_SKEW says.

The tests start it in place of `dalang`. The file may change while it runs: then the clock jumps. The steady clock does not.
"""

import os
import pathlib
import time

from engine.cli import app

_right = time.time
_skew = pathlib.Path(os.environ["DALANG_TEST_SKEW"])


def wrong() -> float:
    return _right() + float(_skew.read_text())


if __name__ == "__main__":
    time.time = wrong
    app.main()
