#!/usr/bin/env python3
"""durable-writer.py write FILE LOG: appends records, and notes in LOG (a local file) how many an fsync has answered for, until an error.
durable-writer.py check FILE LOG: that these are there."""
import os
import sys

RECORD = 5000


def record(n):
    return (f'record {n:08d} ' * 400).encode()[:RECORD]


def main():
    what, path, log = sys.argv[1:]
    if what == 'write':
        note = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        n = 0
        try:
            while True:
                for _ in range(5):
                    # Of two requests that a record takes, the second may fail: the next write says of what.
                    rest = record(n)
                    while rest:
                        rest = rest[os.write(fd, rest):]
                    n += 1
                os.fsync(fd)
                os.write(note, f'{n}\n'.encode())
        except OSError as e:
            print(e.strerror)
            return 0
    with open(log) as f:
        durable = int(f.read().split()[-1])
    with open(path, 'rb') as f:
        for n in range(durable):
            if f.read(RECORD) != record(n):
                print(f'record {n} of {durable} is wrong')
                return 1
    print(durable)
    return 0


sys.exit(main())
