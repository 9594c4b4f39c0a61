#!/usr/bin/env python3
"""Processes that go through a directory over and over, beside others that change its files: walk-and-change.py DIR SECONDS SEED.

Who changes a file looks at it right after, and must find what he made of it. Who goes through finds every file to begin with its name.
Prints how often was walked and changed, and exits with status 1 when anything was not as it should be.
"""
import os
import random
import sys
import time

FILES, CHANGERS = 90, 3
base, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
NAMES = [f'file-{k}' for k in range(FILES)]


def path(name):
    return os.path.join(base, name)


def read(name):
    with open(path(name), 'rb') as f:
        return f.read()


def walk(names, reads, end):
    rounds = 0
    while time.monotonic() < end:
        for name in names:
            try:
                os.stat(path(name))
                data = read(name) if reads else b''
            except FileNotFoundError:
                continue
            if data and not data.startswith(name.encode()[: len(data)]):
                raise AssertionError(f'{name} begins with {data[:20]}')
        rounds += 1
    return rounds


def change(who, end):
    rng, rounds, known = random.Random(seed + who), 0, {}
    mine = [name for k, name in enumerate(NAMES) if k % CHANGERS == who]
    for name in mine:
        known[name] = read(name)
    while time.monotonic() < end:
        name, what = rng.choice(mine), rng.choice(['write', 'append', 'cut', 'replace', 'remove', 'time'])
        there = known[name]
        data = f'{name} {rounds} '.encode() * rng.randint(1, 300)
        if there is None or what == 'write':
            with open(path(name), 'wb') as f:
                f.write(data)
            known[name] = data
        elif what == 'append':
            with open(path(name), 'ab') as f:
                f.write(data)
            known[name] = (there + data)[:60000]
            os.truncate(path(name), len(known[name]))
        elif what == 'cut':
            known[name] = there[: rng.randint(len(name), len(there))]
            os.truncate(path(name), len(known[name]))
        elif what == 'replace':
            with open(path(f'new-{name}'), 'wb') as f:
                f.write(data)
            os.rename(path(f'new-{name}'), path(name))
            known[name] = data
        elif what == 'remove':
            os.unlink(path(name))
            known[name] = None
        else:
            os.utime(path(name), (rounds, rounds))
            if os.stat(path(name)).st_mtime != rounds:
                raise AssertionError(f'{name}: times of {os.stat(path(name)).st_mtime}, not {rounds}')
        check(name, known[name], what)
        rounds += 1
    return rounds


def check(name, want, what):
    try:
        size, got = os.stat(path(name)).st_size, read(name)
    except FileNotFoundError:
        size, got = -1, None
    if got != want or size != (-1 if want is None else len(want)):
        raise AssertionError(f'{name} after {what}: {size} bytes, {got and got[:30]}, not {want and want[:30]}')


for name in NAMES:
    with open(path(name), 'wb') as f:
        f.write(name.encode())
end = time.monotonic() + seconds
WORK = [
    lambda: walk(NAMES, False, end),
    lambda: walk(sorted(NAMES), True, end),
    *[lambda who=who: change(who, end) for who in range(CHANGERS)],
]
children = []
for work in WORK:
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(w, str(work()).encode())
            os._exit(0)
        except BaseException as error:  # to the parent, whatever it is
            os.write(w, repr(error).encode())
            os._exit(1)
    os.close(w)
    children.append((pid, r))
failed = False
for pid, r in children:
    failed |= os.waitpid(pid, 0)[1] != 0
    print(os.read(r, 4096).decode())
sys.exit(failed)
