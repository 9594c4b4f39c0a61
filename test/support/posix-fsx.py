#!/usr/bin/env python3
"""Random operations on one file of a mount, against a model in memory; the same for the same seed.

posix-fsx.py FILE --seed N --ops N [--max BYTES] [--mmap no]
Reads, writes, truncates, extends, maps (shared) for reading and writing, punches holes, preallocates, zeroes, syncs, closes and
opens again, in all modes of opening.
Exit status 1 and the last operations on a difference.

posix-fsx.py FILE --seed N --ops N --shared INDEX --of COUNT
The same by several processes on one file: each only cares for the records of its own (blocks number INDEX, INDEX + COUNT, ...),
and the file keeps its size.
"""
import ctypes
import errno
import mmap
import os
import random
import sys

libc = ctypes.CDLL(None, use_errno=True)
BLOCK = 7919


def fallocate(fd, mode, offset, length):
    if libc.fallocate(fd, mode, ctypes.c_longlong(offset), ctypes.c_longlong(length)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class Difference(Exception):
    pass


class Fsx:
    def __init__(self, path, seed, largest, mapped):
        self.path = path
        self.rng = random.Random(seed)
        self.largest = largest
        self.mapped = mapped
        self.model = bytearray()
        self.history = []
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)

    def note(self, *words):
        self.history.append(' '.join(str(w) for w in words))
        del self.history[:-40]

    def compare(self, got, offset, length, what):
        want = self.model[offset:offset + length]
        if got == want:
            return
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        raise Difference(f'{what} of {length} at {offset}: {len(got)} bytes, want {len(want)}; first difference at '
                         f'{offset + at}: {bytes(got[at:at + 8]).hex()} instead of {bytes(want[at:at + 8]).hex()}')

    def range(self, within):
        offset = self.rng.randrange(max(within, 1))
        return offset, self.rng.randrange(1, min(200_000, self.largest - offset) + 1)

    def put(self, offset, data):
        if len(self.model) < offset + len(data):
            self.model.extend(bytes(offset + len(data) - len(self.model)))
        self.model[offset:offset + len(data)] = data

    def write_all(self, data, offset):
        view = memoryview(data)
        while view:
            done = os.pwrite(self.fd, view, offset)
            view, offset = view[done:], offset + done

    def read_all(self, length, offset):
        got = b''
        while len(got) < length:
            piece = os.pread(self.fd, length - len(got), offset + len(got))
            if not piece:
                break
            got += piece
        return got

    def read(self):
        offset, length = self.range(len(self.model) + 1000)
        self.note('read', offset, length)
        self.compare(self.read_all(length, offset), offset, length, 'read')

    def write(self):
        offset, length = self.range(min(len(self.model) + 50_000, self.largest))
        self.note('write', offset, length)
        data = self.rng.randbytes(length)
        self.write_all(data, offset)
        self.put(offset, data)

    def small_writes(self):
        """One after the other, as write-behind likes to join them."""
        offset, _ = self.range(min(len(self.model) + 1, self.largest - 60_000))
        self.note('small writes', offset)
        for _ in range(self.rng.randrange(2, 12)):
            data = self.rng.randbytes(self.rng.randrange(1, 5000))
            self.write_all(data, offset)
            self.put(offset, data)
            offset += len(data)

    def append(self):
        data = self.rng.randbytes(self.rng.randrange(1, 30_000))
        if len(self.model) + len(data) > self.largest:
            return
        self.note('append', len(data))
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        self.put(len(self.model), data)
        if os.write(fd, data) != len(data):
            raise Difference('a short append')
        os.close(fd)

    def truncate(self):
        size = self.rng.randrange(self.largest)
        if self.rng.random() < 0.7:
            size = self.rng.randrange(len(self.model) + 1)
        by_name = self.rng.random() < 0.4
        self.note('truncate', size, 'by name' if by_name else '')
        os.truncate(self.path, size) if by_name else os.ftruncate(self.fd, size)
        if size < len(self.model):
            del self.model[size:]
        else:
            self.model.extend(bytes(size - len(self.model)))

    def map_write(self):
        if not self.mapped or not self.model:
            return
        offset, length = self.range(len(self.model))
        length = min(length, len(self.model) - offset)
        self.note('map write', offset, length)
        base = offset // mmap.PAGESIZE * mmap.PAGESIZE
        data = self.rng.randbytes(length)
        with mmap.mmap(self.fd, offset - base + length, offset=base) as m:
            self.compare(m[offset - base:offset - base + length], offset, length, 'map before a write')
            m[offset - base:offset - base + length] = data
            if self.rng.random() < 0.5:
                m.flush()
        self.put(offset, data)

    def map_read(self):
        if not self.mapped or not self.model:
            return
        offset, length = self.range(len(self.model))
        length = min(length, len(self.model) - offset)
        self.note('map read', offset, length)
        base = offset // mmap.PAGESIZE * mmap.PAGESIZE
        with mmap.mmap(self.fd, offset - base + length, offset=base, prot=mmap.PROT_READ) as m:
            self.compare(m[offset - base:offset - base + length], offset, length, 'map read')

    def allocate(self, mode, name, keeps_size, zeroes):
        offset, length = self.range(min(len(self.model) + 1, self.largest - 1))
        self.note(name, offset, length)
        try:
            fallocate(self.fd, mode, offset, length)
        except OSError as e:
            if e.errno == errno.EOPNOTSUPP:
                return
            raise
        if not keeps_size and len(self.model) < offset + length:
            self.model.extend(bytes(offset + length - len(self.model)))
        if zeroes:
            end = min(offset + length, len(self.model))
            if end > offset:
                self.model[offset:end] = bytes(end - offset)

    def fallocate(self):
        self.allocate(0, 'fallocate', False, False)

    def fallocate_keep(self):
        self.allocate(1, 'fallocate keep', True, False)

    def punch(self):
        self.allocate(3, 'punch', True, True)

    def zero(self):
        self.allocate(16, 'zero', False, True)

    def sync(self):
        self.note('fsync')
        os.fdatasync(self.fd) if self.rng.random() < 0.5 else os.fsync(self.fd)

    def reopen(self):
        whole = self.rng.random() < 0.1
        sync = os.O_SYNC if self.rng.random() < 0.1 else 0
        self.note('reopen', 'sync' if sync else '')
        os.close(self.fd)
        if whole:
            with open(self.path, 'rb') as f:
                self.compare(f.read(), 0, len(self.model), 'all of it')
        self.fd = os.open(self.path, os.O_RDWR | sync)

    def rename(self):
        self.note('rename there and back')
        os.rename(self.path, self.path + '.other')
        self.read()
        os.rename(self.path + '.other', self.path)

    def size(self):
        for what, got in (('fstat', os.fstat(self.fd).st_size), ('stat', os.stat(self.path).st_size)):
            if got != len(self.model):
                raise Difference(f'{what}: a size of {got}, want {len(self.model)}')

    def run(self, ops):
        steps = [(30, self.read), (25, self.write), (8, self.small_writes), (6, self.append), (7, self.truncate),
                 (8, self.map_write), (8, self.map_read), (2, self.fallocate), (2, self.fallocate_keep), (4, self.punch),
                 (3, self.zero), (3, self.sync), (4, self.reopen), (2, self.rename), (6, self.size)]
        weights = [w for w, _ in steps]
        for _ in range(ops):
            self.rng.choices(steps, weights)[0][1]()
        self.size()
        self.compare(self.read_all(len(self.model) + 1, 0), 0, len(self.model) + 1, 'the end')
        os.close(self.fd)
        with open(self.path, 'rb') as f:
            self.compare(f.read(), 0, len(self.model) + 1, 'after the close')


def shared(path, seed, ops, largest, index, count):
    """Blocks of different processes meet inside of pages, so they write with pwrite and read without the page cache's help."""
    rng = random.Random(seed * 1000 + index)
    blocks = largest // BLOCK
    mine = list(range(index, blocks, count))
    model = {}
    fd = os.open(path, os.O_RDWR)
    for n in range(ops):
        block = rng.choice(mine)
        if rng.random() < 0.5:
            data = rng.randbytes(BLOCK)
            if os.pwrite(fd, data, block * BLOCK) != BLOCK:
                raise Difference('a short write')
            model[block] = data
        elif block in model:
            got = os.pread(fd, BLOCK, block * BLOCK)
            if got != model[block]:
                at = next((i for i, (a, b) in enumerate(zip(got, model[block])) if a != b), len(got))
                raise Difference(f'block {block} of {index}, operation {n}: differs at {at} of {len(got)}')
        if rng.random() < 0.02:
            os.fsync(fd)
        if rng.random() < 0.02:
            os.close(fd)
            fd = os.open(path, os.O_RDWR)
    os.close(fd)
    with open(path, 'rb') as f:
        for block, data in model.items():
            f.seek(block * BLOCK)
            if f.read(BLOCK) != data:
                raise Difference(f'block {block} of {index} at the end')


def main():
    args = sys.argv[1:]
    path = args.pop(0)
    options = {args[i][2:]: args[i + 1] for i in range(0, len(args), 2)}
    seed, ops, largest = int(options['seed']), int(options['ops']), int(options.get('max', 1 << 20))
    if 'shared' in options:
        try:
            shared(path, seed, ops, largest, int(options['shared']), int(options['of']))
        except Difference as e:
            print(f'seed {seed}: {e}')
            return 1
        return 0
    fsx = Fsx(path, seed, largest, options.get('mmap') != 'no')
    try:
        fsx.run(ops)
    except (Difference, OSError) as e:
        print(f'seed {seed}: {e!r}\n' + '\n'.join(fsx.history))
        return 1
    return 0


sys.exit(main())
