#!/usr/bin/env python3
"""Processes that open, look at, read and close the same few files all the time: open-close.py DIR SECONDS.

Each file has a size and contents of its own. Prints how often that was done, and exits with status 1 when anything was not as it
should be.
"""
import os
import sys
import time

FILES, PROCESSES = 4, 6
base, seconds = sys.argv[1], float(sys.argv[2])


def contents(k):
    return bytes([65 + k]) * (100 + k * 37)


def work(shift):
    rounds, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        k = (rounds + shift) % FILES
        fd = os.open(f'{base}/f{k}', os.O_RDWR if rounds % 2 else os.O_RDONLY)
        size, got = os.fstat(fd).st_size, os.pread(fd, 4096, 0)
        os.close(fd)
        if size != len(contents(k)) or got != contents(k):
            raise AssertionError(f'f{k}: a size of {size}, {len(got)} bytes, want {len(contents(k))}')
        rounds += 1
    return rounds


for k in range(FILES):
    with open(f'{base}/f{k}', 'wb') as f:
        f.write(contents(k))
children = []
for shift in range(PROCESSES):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(w, str(work(shift)).encode())
            os._exit(0)
        except BaseException as e:
            print(repr(e), flush=True)
            os._exit(1)
    os.close(w)
    children.append((pid, r))
good, total = True, 0
for pid, r in children:
    total += int(os.read(r, 100).decode() or 0)
    good &= os.waitpid(pid, 0)[1] == 0
print(total)
sys.exit(0 if good else 1)
