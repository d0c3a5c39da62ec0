"""An agent that writes so many bytes of log, half to standard output and half to standard error."""

import os
import sys

CHUNK = b"." * 65535 + b"\n"

left = int(sys.argv[1])
while left > 0:
    left -= os.write(1 + left // len(CHUNK) % 2, CHUNK[:left])
