#!/usr/bin/env python3
"""what-fails.py DIR: one line of JSON, what each of a number of calls on the files f0, f1, ... of DIR fails with (or null)."""
import errno
import json
import os
import sys


def attempt(call):
    try:
        call()
        return None
    except OSError as e:
        return errno.errorcode[e.errno]


def read(path):
    with open(path, 'rb') as f:
        f.read()


def write(path):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(fd, b'again', 0)
        os.fsync(fd)
    finally:
        os.close(fd)


def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.unlink(path)


def main():
    os.chdir(sys.argv[1])
    tag = sys.argv[2]
    said = {'statvfs': attempt(lambda: os.statvfs('.')), 'listdir': attempt(lambda: os.listdir('.'))}
    for n in range(12):
        f = f'f{n}'
        said[f] = [attempt(lambda: os.stat(f)), attempt(lambda: read(f)), attempt(lambda: write(f)),
                   attempt(lambda: os.chmod(f, 0o640)), attempt(lambda: os.getxattr(f, 'user.none')),
                   attempt(lambda: create(f'{tag}{n}'))]
    print(json.dumps(said))


main()
