"""Keeps the working folder out of Python's search path: what people keep there is data, not code.

A `json.py` beside the records would otherwise be imported in place of Python's own. Nothing but
`os` and `sys` may be imported here, not even `__future__`: those two are loaded before any
entrance runs.
"""

import os
import sys


def leave_out_working_folder() -> None:
    """Take the working folder off `sys.path`, for this process and all that it starts.

    `python -m` and `python -c` put it first; multiprocessing starts its servers by `python -c`.
    PYTHONSAFEPATH (as `python -P`) forbids that to them. An empty or `.` entry of PYTHONPATH means
    the working folder too. A checkout in which docgen itself lies stays: it is the program.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    if given := os.environ.get("PYTHONPATH"):
        kept = [entry for entry in given.split(os.pathsep) if not _is_working_folder(entry)]
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    sys.path[:] = [entry for entry in sys.path if not _is_working_folder(entry)]


def _is_working_folder(entry: str) -> bool:
    try:
        here, place = os.getcwd(), os.path.realpath(entry)
    except FileNotFoundError:  # the working folder was removed: nothing can be found in it
        return not os.path.isabs(entry)
    program = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    return not entry or (place == here and place != program)
