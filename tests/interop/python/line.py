"""Does what the driver says: one JSON object per line comes in, one per line goes out.

{"do": "verify", "token": "..."}  ->  {"ok": ...}, or {"refused": "the library's words"}
"""

import json
import sys
import time

# The monotonic clock of every library here, which the driver moves: a minute passes without waiting.
_real_monotonic = time.monotonic
_ahead = 0.0
time.monotonic = lambda: _real_monotonic() + _ahead


def later(seconds):
    global _ahead
    _ahead += seconds
    return True


def words(error):
    """What an error says, and what each of its causes says."""
    inner = [*getattr(error, "exceptions", ()), error.__cause__ or error.__context__]
    own = f"{type(error).__name__}: {error}"
    return ": ".join([own, *(words(cause) for cause in inner if cause)])


def serve(**actions):
    """Does the actions until the driver has no more to say."""
    actions["later"] = later
    for line in sys.stdin:
        wish = json.loads(line)
        try:
            answer = {"ok": actions[wish.pop("do")](**wish)}
        except Exception as error:
            answer = {"refused": words(error)}
        print(json.dumps(answer), flush=True)
