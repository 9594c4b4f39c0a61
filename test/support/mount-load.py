#!/usr/bin/env python3
"""Work with checksums on a mount, for as long as nobody says stop.

mount-load.py DIR --stop FILE [--workers N] [--seed N] [--unlinked yes] [--patience SECONDS]
Each worker keeps files and their contents in a model: makes, reads, rewrites, appends to, truncates, links, renames, removes and lists them, and
holds some open all the time, with locks, to write and read through (with --unlinked also one that has no name any more). Any
error or difference ends it with what it was (exit status 1). A listing may be wrong for --patience seconds, as it is while
files move from brick to brick. When FILE appears, everything is read once more and the number of operations is printed.
"""
import fcntl
import os
import random
import sys
import time
import traceback


class Worker:
    def __init__(self, base, index, seed, unlinked, patience):
        self.rng = random.Random(seed * 100 + index)
        self.base = os.path.join(base, f'w{index}')
        self.files = {}
        self.held = []
        self.last = ''
        self.patience = patience
        os.mkdir(self.base)
        for n in range(4):
            os.mkdir(f'{self.base}/d{n}')
        for n in range(3):
            path = f'{self.base}/held{n}'
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            self.held.append((fd, path, bytearray()))
        if unlinked:
            fd = os.open(f'{self.base}/gone', os.O_RDWR | os.O_CREAT, 0o644)
            os.unlink(f'{self.base}/gone')
            self.held.append((fd, None, bytearray()))

    def data(self):
        return self.rng.randbytes(self.rng.choice((0, 10, 3000, 20_000, 150_000)))

    def name(self):
        return f'{self.base}/d{self.rng.randrange(4)}/f{self.rng.randrange(100)}'

    def some(self):
        return self.rng.choice(list(self.files)) if self.files else None

    def put(self):
        path, data = self.name(), self.data()
        self.last = f'put {path} {len(data)}'
        with open(path, 'wb') as f:
            f.write(data)
            if self.rng.random() < 0.2:
                os.fsync(f.fileno())
        # Its other names have that, too.
        self.files.setdefault(path, bytearray())[:] = data

    def get(self, path=None):
        path = path or self.some()
        if path is None:
            return
        self.last = f'get {path}'
        with open(path, 'rb') as f:
            got = f.read()
        if got != self.files[path]:
            raise AssertionError(f'{path}: {len(got)} bytes, want {len(self.files[path])}; other contents')
        size = os.stat(path).st_size
        if size != len(got):
            raise AssertionError(f'{path}: a size of {size}, want {len(got)}')

    def append(self):
        path = self.some()
        if path is None:
            return
        data = self.rng.randbytes(5000)
        self.last = f'append {path}'
        with open(path, 'ab') as f:
            f.write(data)
        self.files[path].extend(data)

    def truncate(self):
        path = self.some()
        if path is None:
            return
        size = self.rng.choice((0, 7, 5000, 30_000))
        self.last = f'truncate {path} {size}'
        os.truncate(path, size)
        content = self.files[path]
        content[:] = content[:size].ljust(size, b'\0')

    def link(self):
        old, new = self.some(), self.name()
        if old is None or new in self.files:
            return
        self.last = f'link {old} {new}'
        os.link(old, new)
        self.files[new] = self.files[old]

    def rename(self):
        old, new = self.some(), self.name()
        # Names of one file both stay.
        if old is None or self.files[old] is self.files.get(new):
            return
        self.last = f'rename {old} {new}'
        os.rename(old, new)
        self.files[new] = self.files.pop(old)

    def remove(self):
        path = self.some()
        if path is None or len(self.files) < 30:
            return
        self.last = f'remove {path}'
        os.unlink(path)
        del self.files[path]

    def list(self):
        d = f'{self.base}/d{self.rng.randrange(4)}'
        self.last = f'list {d}'
        want = sorted(os.path.basename(p) for p in self.files if p.startswith(d + '/'))
        got = sorted(os.listdir(d))
        end = time.monotonic() + self.patience
        while got != want and time.monotonic() < end:
            time.sleep(0.1)
            got = sorted(os.listdir(d))
        if got != want:
            raise AssertionError(f'{d}: too many {sorted(set(got) - set(want))}, too few {sorted(set(want) - set(got))}, '
                                 f'twice {sorted({x for x in got if got.count(x) > 1})}')

    def make_directory(self):
        path = f'{self.base}/d{self.rng.randrange(4)}/sub'
        self.last = f'mkdir and rmdir {path}'
        os.mkdir(path)
        with open(f'{path}/x', 'w') as f:
            f.write('x')
        os.unlink(f'{path}/x')
        os.rmdir(path)

    def hold(self):
        fd, path, model = self.rng.choice(self.held)
        at, data = self.rng.randrange(300_000), self.data()
        self.last = f'write to {path} {at} {len(data)}'
        if len(model) < at + len(data):
            model.extend(bytes(at + len(data) - len(model)))
        model[at:at + len(data)] = data
        view = memoryview(data)
        while view:
            done = os.pwrite(fd, view, at)
            view, at = view[done:], at + done
        self.check_held(fd, path, model)

    def check_held(self, fd, path, model):
        # What it wrote nothing beyond is not extended by an empty write.
        size = os.fstat(fd).st_size
        got = os.pread(fd, len(model) + 1, 0)
        if got != bytes(model[:len(got)]) or any(model[len(got):]) or len(got) != size:
            raise AssertionError(f'{path}, held open: {len(got)} bytes, a size of {size}, want {len(model)}; other contents')

    def run(self, stop):
        steps = [(10, self.put), (10, self.get), (4, self.append), (4, self.rename), (5, self.remove), (3, self.list),
                 (2, self.truncate), (1, self.link), (2, self.make_directory), (8, self.hold)]
        weights = [w for w, _ in steps]
        ops = 0
        while not os.path.exists(stop):
            self.rng.choices(steps, weights)[0][1]()
            ops += 1
            time.sleep(0.002)
        for path in self.files:
            self.get(path)
        for held in self.held:
            self.check_held(*held)
        return ops


def main():
    args = sys.argv[1:]
    base = args.pop(0)
    options = {args[i][2:]: args[i + 1] for i in range(0, len(args), 2)}
    children = []
    for index in range(int(options.get('workers', 2))):
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            worker = None
            try:
                worker = Worker(base, index, int(options.get('seed', 1)), options.get('unlinked') == 'yes',
                                float(options.get('patience', 0)))
                os.write(w, str(worker.run(options['stop'])).encode())
                os._exit(0)
            except BaseException as e:
                print(f'worker {index}, after {worker and worker.last}: {e!r}', flush=True)
                traceback.print_exc()
                os._exit(1)
        os.close(w)
        children.append((pid, r))
    good, total = True, 0
    for pid, r in children:
        text = os.read(r, 100).decode()
        total += int(text or 0)
        good &= os.waitpid(pid, 0)[1] == 0
    print(total)
    return 0 if good else 1


sys.exit(main())
