#!/usr/bin/env python3
"""What POSIX and Linux promise of a file system, tried on a directory.

posix-conformance.py DIR [--only REGEX] [--skip REGEX] [--list]
One line a check: "pass NAME", "FAIL NAME: why" or "skip NAME: why". Exit status 1 if one failed. Each check runs in a
process of its own, with a time limit, in a fresh directory below DIR. As root the checks that need other users run too.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import re
import select
import shutil
import signal
import socket
import stat
import struct
import sys
import time
import traceback

CHECKS = []
NOBODY = 65534
libc = ctypes.CDLL(None, use_errno=True)


class Skip(Exception):
    pass


def check(function):
    CHECKS.append((function.__name__, function))
    return function


def eq(got, want, what=''):
    if got != want:
        raise AssertionError(f'{what}: got {got!r}, want {want!r}' if what else f'got {got!r}, want {want!r}')


def fails(code, call, *args, **kwargs):
    codes = code if isinstance(code, tuple) else (code,)
    try:
        call(*args, **kwargs)
    except OSError as e:
        if e.errno not in codes:
            raise AssertionError(f'{errno.errorcode.get(e.errno, e.errno)} instead of '
                                 f'{"/".join(errno.errorcode[c] for c in codes)}') from e
        return
    raise AssertionError(f'no error instead of {"/".join(errno.errorcode[c] for c in codes)}')


def put(path, data=b'', mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
    finally:
        os.close(fd)


def get(path):
    with open(path, 'rb', buffering=0) as f:
        return f.readall()


def child(function):
    """Forks; the function's exception or False makes the exit status 1."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 1 if function() is False else 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def join(pid):
    eq(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, 'exit of the other process')


def as_user(uid, gid, function, groups=()):
    if os.getuid() != 0:
        raise Skip('needs root')

    def run():
        os.setgroups(list(groups))
        os.setgid(gid)
        os.setuid(uid)
        return function()
    join(child(run))


def syscall(result):
    if result < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return result


def renameat2(old, new, flags):
    syscall(libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags))


def fallocate(fd, mode, offset, length):
    syscall(libc.fallocate(fd, mode, ctypes.c_longlong(offset), ctypes.c_longlong(length)))


def names(path='.'):
    return sorted(os.listdir(path))


# Files and their contents

@check
def create_write_read():
    put('f', b'hello')
    eq(get('f'), b'hello')
    eq(os.stat('f').st_size, 5)


@check
def create_exclusive():
    os.close(os.open('f', os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    fails(errno.EEXIST, os.open, 'f', os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.symlink('nowhere', 'l')
    fails(errno.EEXIST, os.open, 'l', os.O_CREAT | os.O_EXCL | os.O_WRONLY)


@check
def create_mode_and_umask():
    old = os.umask(0o027)
    try:
        os.close(os.open('f', os.O_CREAT | os.O_WRONLY, 0o666))
        os.mkdir('d', 0o777)
        os.mkfifo('p', 0o666)
    finally:
        os.umask(old)
    eq(stat.S_IMODE(os.stat('f').st_mode), 0o640)
    eq(stat.S_IMODE(os.stat('d').st_mode), 0o750)
    eq(stat.S_IMODE(os.stat('p').st_mode), 0o640)


@check
def create_read_only_mode_is_writable_through_its_descriptor():
    fd = os.open('f', os.O_CREAT | os.O_WRONLY, 0o400)
    os.write(fd, b'x' * 10)
    os.close(fd)
    eq(os.stat('f').st_size, 10)


@check
def open_errors():
    fails(errno.ENOENT, os.open, 'none', os.O_RDONLY)
    fails(errno.ENOENT, os.open, 'none/f', os.O_CREAT | os.O_WRONLY)
    put('f')
    fails(errno.ENOTDIR, os.open, 'f/x', os.O_RDONLY)
    fails(errno.ENOTDIR, os.open, 'f', os.O_RDONLY | os.O_DIRECTORY)
    os.mkdir('d')
    fails(errno.EISDIR, os.open, 'd', os.O_WRONLY)
    os.symlink('f', 'l')
    fails(errno.ELOOP, os.open, 'l', os.O_RDONLY | os.O_NOFOLLOW)
    os.symlink('loop', 'loop')
    fails(errno.ELOOP, os.open, 'loop', os.O_RDONLY)


@check
def name_too_long():
    put('n' * 255, b'x')
    eq(get('n' * 255), b'x')
    fails(errno.ENAMETOOLONG, put, 'n' * 256)
    fails(errno.ENAMETOOLONG, os.mkdir, 'n' * 256)
    fails(errno.ENAMETOOLONG, os.stat, 'n' * 256)


@check
def names_of_any_bytes():
    odd = [b'\xff\xfe', b'caf\xe9', b'\xf0\x9f\x98\x80', 'gr\u00fc\u00dfe'.encode(), b'new\nline', b' ', b'\xed\xa0\x80',
           '\ufffd'.encode(), b'a\\b', b'*']
    for name in odd:
        put(name, name)
    eq(sorted(os.listdir(b'.')), sorted(odd))
    for name in odd:
        eq(get(name), name)
    os.rename(odd[0], b'\xfe')
    eq(get(b'\xfe'), odd[0])
    os.symlink(b'\xc3\x28', b'link')
    eq(os.readlink(b'link'), b'\xc3\x28')


@check
def truncate_on_open():
    put('f', b'x' * 10000)
    fd = os.open('f', os.O_RDWR | os.O_TRUNC)
    eq(os.fstat(fd).st_size, 0)
    eq(os.read(fd, 10), b'')
    os.write(fd, b'ab')
    os.close(fd)
    eq(get('f'), b'ab')


@check
def append():
    put('f', b'12345')
    fd = os.open('f', os.O_WRONLY | os.O_APPEND)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, b'6')
    other = os.open('f', os.O_WRONLY | os.O_APPEND)
    os.write(other, b'7')
    os.write(fd, b'8')
    os.close(fd)
    os.close(other)
    eq(get('f'), b'12345678')


@check
def append_from_two_processes():
    put('f')

    def writer(letter):
        fd = os.open('f', os.O_WRONLY | os.O_APPEND)
        for _ in range(200):
            os.write(fd, letter * 50)
    for pid in [child(lambda: writer(b'a')), child(lambda: writer(b'b'))]:
        join(pid)
    data = get('f')
    eq(len(data), 20000)
    for i in range(0, len(data), 50):
        if len(set(data[i:i + 50])) != 1:
            raise AssertionError(f'a torn record at {i}')


@check
def write_beyond_end_reads_zeros():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    os.pwrite(fd, b'end', 300000)
    eq(os.fstat(fd).st_size, 300003)
    eq(os.pread(fd, 300000, 0), b'\0' * 300000)
    eq(os.pread(fd, 10, 300000), b'end')
    os.close(fd)


@check
def ftruncate_both_ways():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    os.write(fd, b'x' * 100000)
    os.ftruncate(fd, 50001)
    os.ftruncate(fd, 120000)
    data = os.pread(fd, 200000, 0)
    eq(data, b'x' * 50001 + b'\0' * 69999)
    os.truncate('f', 3)
    eq(os.fstat(fd).st_size, 3)
    os.close(fd)
    ro = os.open('f', os.O_RDONLY)
    fails((errno.EINVAL, errno.EBADF), os.ftruncate, ro, 0)
    fails(errno.EINVAL, os.truncate, 'f', -1)


@check
def large_offsets():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    at = (1 << 40) + 12345
    os.pwrite(fd, b'far', at)
    eq(os.fstat(fd).st_size, at + 3)
    eq(os.pread(fd, 3, at), b'far')
    eq(os.pread(fd, 3, 1 << 33), b'\0\0\0')
    os.close(fd)


@check
def big_writes():
    block = os.urandom(1 << 20)
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    for i in range(8):
        eq(os.write(fd, block), len(block))
    os.pwrite(fd, b'!!', 3 * (1 << 20) - 1)
    os.close(fd)
    want = bytearray(block * 8)
    want[3 * (1 << 20) - 1:3 * (1 << 20) + 1] = b'!!'
    eq(get('f') == bytes(want), True, 'contents')


@check
def big_direct_io():
    block = mmap.mmap(-1, 1 << 20)
    pattern = os.urandom(4096) * 256
    block[:] = pattern
    try:
        fd = os.open('f', os.O_CREAT | os.O_RDWR | os.O_DIRECT)
    except OSError as e:
        raise Skip(f'O_DIRECT: {e.strerror}')
    for i in range(4):
        eq(os.pwrite(fd, block, i << 20), 1 << 20)
    back = mmap.mmap(-1, 1 << 20)
    for i in range(4):
        eq(os.preadv(fd, [back], i << 20), 1 << 20)
        eq(back[:] == pattern, True, 'contents')
    os.close(fd)


@check
def vectored():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    eq(os.writev(fd, [b'abc', b'', b'defg' * 1000]), 4003)
    a, b = bytearray(5), bytearray(10)
    eq(os.preadv(fd, [a, b], 0), 15)
    eq(bytes(a + b), b'abcdefgdefgdefg')
    os.close(fd)


@check
def descriptor_modes():
    put('f', b'x')
    fd = os.open('f', os.O_RDONLY)
    fails(errno.EBADF, os.write, fd, b'y')
    os.close(fd)
    fd = os.open('f', os.O_WRONLY)
    fails(errno.EBADF, os.read, fd, 1)
    os.close(fd)
    fd = os.open('.', os.O_RDONLY)
    fails(errno.EISDIR, os.read, fd, 1)
    os.close(fd)


@check
def two_descriptors_see_each_other():
    a = os.open('f', os.O_CREAT | os.O_RDWR)
    b = os.open('f', os.O_RDWR)
    os.pwrite(a, b'one', 0)
    eq(os.pread(b, 3, 0), b'one')
    os.pwrite(b, b'two', 0)
    eq(os.pread(a, 3, 0), b'two')
    os.ftruncate(b, 1)
    eq(os.pread(a, 3, 0), b't')
    os.close(a)
    os.close(b)


@check
def random_writes_against_a_model():
    import random
    rng = random.Random(5)
    model = bytearray()
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    for _ in range(400):
        kind = rng.randrange(10)
        at = rng.randrange(300000)
        if kind < 6:
            data = bytes([rng.randrange(256)]) * rng.randrange(1, 70000)
            os.pwrite(fd, data, at)
            if len(model) < at:
                model.extend(bytes(at - len(model)))
            model[at:at + len(data)] = data
        elif kind < 7:
            os.ftruncate(fd, at)
            del model[at:]
            model.extend(bytes(at - len(model)))
        else:
            size = rng.randrange(1, 70000)
            eq(os.pread(fd, size, at) == bytes(model[at:at + size]), True, f'read of {size} at {at}')
    os.close(fd)
    eq(get('f') == bytes(model), True, 'the whole file')


@check
def fsync_and_fdatasync():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    os.write(fd, b'x' * 5000)
    os.fsync(fd)
    os.fdatasync(fd)
    os.close(fd)
    d = os.open('.', os.O_RDONLY)
    os.fsync(d)
    os.close(d)
    syscall(libc.syncfs(os.open('.', os.O_RDONLY)))


# Unlinking

@check
def unlinked_file_stays_usable():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    os.write(fd, b'before')
    os.unlink('f')
    eq(names(), [])
    eq(os.fstat(fd).st_nlink, 0)
    os.write(fd, b'after')
    eq(os.pread(fd, 100, 0), b'beforeafter')
    os.ftruncate(fd, 3)
    os.fchmod(fd, 0o600)
    eq(os.fstat(fd).st_size, 3)
    put('f', b'other')
    eq(os.pread(fd, 100, 0), b'bef')
    eq(get('f'), b'other')
    os.close(fd)


@check
def renamed_over_file_stays_usable():
    put('a', b'old')
    fd = os.open('a', os.O_RDONLY)
    put('b', b'new')
    os.rename('b', 'a')
    eq(os.pread(fd, 10, 0), b'old')
    eq(os.fstat(fd).st_nlink, 0)
    eq(get('a'), b'new')
    os.close(fd)


@check
def unlink_errors():
    fails(errno.ENOENT, os.unlink, 'none')
    os.mkdir('d')
    fails(errno.EISDIR, os.unlink, 'd')
    put('f')
    fails(errno.ENOTDIR, os.rmdir, 'f')
    fails(errno.ENOTDIR, os.unlink, 'f/x')
    os.mkdir('d/e')
    fails(errno.ENOTEMPTY, os.rmdir, 'd')
    fails(errno.EINVAL, os.rmdir, 'd/.')


@check
def removed_directory_stays_open():
    os.mkdir('d')
    fd = os.open('d', os.O_RDONLY)
    os.rmdir('d')
    eq(os.listdir(fd), [])
    fails(errno.ENOENT, os.open, 'x', os.O_CREAT | os.O_WRONLY, dir_fd=fd)
    os.close(fd)


@check
def tmpfile():
    try:
        fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o600)
    except OSError as e:
        if e.errno in (errno.EOPNOTSUPP, errno.EISDIR):
            raise Skip('no O_TMPFILE')
        raise
    os.write(fd, b'data')
    eq(names(), [])
    eq(os.fstat(fd).st_nlink, 0)
    syscall(libc.linkat(-100, f'/proc/self/fd/{fd}'.encode(), -100, b'named', 0x400))
    eq(get('named'), b'data')
    eq(os.fstat(fd).st_nlink, 1)
    os.close(fd)


# Directories

@check
def mkdir_rmdir():
    os.mkdir('d')
    eq(stat.S_ISDIR(os.stat('d').st_mode), True)
    fails(errno.EEXIST, os.mkdir, 'd')
    os.mkdir('d/e')
    eq(names('d'), ['e'])
    os.rmdir('d/e')
    os.rmdir('d')
    eq(names(), [])


@check
def directory_link_counts():
    os.mkdir('d')
    if os.stat('d').st_nlink != 2:
        raise Skip('directories do not count their subdirectories here')
    os.mkdir('d/a')
    os.mkdir('d/b')
    put('d/f')
    eq(os.stat('d').st_nlink, 4)
    os.rmdir('d/a')
    os.rename('d/b', 'b')
    eq(os.stat('d').st_nlink, 2)


@check
def dot_and_dotdot():
    os.mkdir('d')
    eq(os.stat('d/..').st_ino, os.stat('.').st_ino)
    eq(os.stat('d/.').st_ino, os.stat('d').st_ino)
    os.mkdir('e')
    os.rename('d', 'e/d')
    eq(os.stat('e/d/..').st_ino, os.stat('e').st_ino)
    eq(os.path.samefile('e/d/../d', 'e/d'), True)


@check
def directory_entries_have_types_and_inodes():
    put('f')
    os.mkdir('d')
    os.symlink('f', 'l')
    os.mkfifo('p')
    with os.scandir('.') as entries:
        found = {e.name: e for e in entries}
    eq(sorted(found), ['d', 'f', 'l', 'p'])
    for name, e in found.items():
        eq(e.inode(), os.lstat(name).st_ino, f'inode of {name}')
    eq(found['d'].is_dir(follow_symlinks=False), True)
    eq(found['f'].is_file(follow_symlinks=False), True)
    eq(found['l'].is_symlink(), True)


@check
def large_directory():
    want = [f'file-{i:05}' for i in range(3000)]
    for name in want:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    eq(names() == want, True, 'listing')
    for name in want[::2]:
        os.unlink(name)
    eq(names() == want[1::2], True, 'listing after removals')


class Dirent(ctypes.Structure):
    _fields_ = [('ino', ctypes.c_ulong), ('off', ctypes.c_long), ('reclen', ctypes.c_ushort),
                ('type', ctypes.c_ubyte), ('name', ctypes.c_char * 256)]


def dir_calls():
    libc.opendir.restype = ctypes.c_void_p
    libc.readdir.restype = ctypes.POINTER(Dirent)
    libc.telldir.restype = ctypes.c_long
    for f in (libc.readdir, libc.telldir, libc.closedir, libc.rewinddir):
        f.argtypes = [ctypes.c_void_p]
    libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]


@check
def telldir_seekdir_rewinddir():
    dir_calls()
    want = {f'f{i}' for i in range(1000)}
    for name in want:
        put(name)
    d = libc.opendir(b'.')
    order = []
    while True:
        before = libc.telldir(d)
        e = libc.readdir(d)
        if not e:
            break
        order.append((before, e.contents.name.decode()))
    eq({n for _, n in order} == want | {'.', '..'}, True, 'the listing')
    for at in (700, 3, 999, 0, 500):
        libc.seekdir(d, order[at][0])
        for k in range(at, min(at + 5, len(order))):
            eq(libc.readdir(d).contents.name.decode(), order[k][1], f'entry {k} after seekdir to {at}')
    libc.rewinddir(d)
    again = []
    while True:
        e = libc.readdir(d)
        if not e:
            break
        again.append(e.contents.name.decode())
    eq(again == [n for _, n in order], True, 'the listing after rewinddir')
    libc.closedir(d)


@check
def rewinddir_shows_new_names():
    dir_calls()
    put('a')
    d = libc.opendir(b'.')
    while libc.readdir(d):
        pass
    put('b')
    libc.rewinddir(d)
    found = set()
    while True:
        e = libc.readdir(d)
        if not e:
            break
        found.add(e.contents.name)
    eq(found, {b'.', b'..', b'a', b'b'})
    libc.closedir(d)


@check
def remove_while_reading():
    dir_calls()
    for i in range(500):
        put(f'f{i}')
    d = libc.opendir(b'.')
    while True:
        e = libc.readdir(d)
        if not e:
            break
        name = e.contents.name
        if name not in (b'.', b'..'):
            os.unlink(name)
    libc.closedir(d)
    eq(names(), [])


@check
def deep_tree_and_removal():
    path = '.'
    for i in range(60):
        path += f'/d{i}'
        os.mkdir(path)
        put(path + '/f', b'x')
    shutil.rmtree('d0')
    eq(names(), [])


@check
def working_directory_is_removed():
    os.mkdir('d')
    os.chdir('d')
    os.rmdir('../d')
    fails(errno.ENOENT, os.open, 'x', os.O_CREAT | os.O_WRONLY)
    fails(errno.ENOENT, os.getcwd)
    os.chdir('..')


# Links

@check
def hard_links():
    put('a', b'x')
    os.link('a', 'b')
    a, b = os.stat('a'), os.stat('b')
    eq((a.st_ino, a.st_nlink), (b.st_ino, 2))
    put('b', b'longer')
    eq(get('a'), b'longer')
    os.unlink('a')
    eq(os.stat('b').st_nlink, 1)
    eq(get('b'), b'longer')
    os.mkdir('d')
    os.link('b', 'd/c')
    eq(os.stat('b').st_nlink, 2)


@check
def hard_link_errors():
    put('a')
    put('b')
    fails(errno.EEXIST, os.link, 'a', 'b')
    fails(errno.ENOENT, os.link, 'none', 'c')
    os.mkdir('d')
    fails(errno.EPERM, os.link, 'd', 'e')
    os.symlink('a', 'l')
    os.link('l', 'l2', follow_symlinks=False)
    eq(os.readlink('l2'), 'a')


@check
def symlinks():
    put('f', b'x')
    os.symlink('f', 'l')
    eq(os.readlink('l'), 'f')
    eq(get('l'), b'x')
    eq(os.lstat('l').st_size, 1)
    eq(stat.S_ISLNK(os.lstat('l').st_mode), True)
    os.symlink('nowhere', 'dangling')
    fails(errno.ENOENT, os.stat, 'dangling')
    long = 'x/' * 2000
    os.symlink(long, 'long')
    eq(os.readlink('long'), long)
    fails(errno.EEXIST, os.symlink, 'f', 'l')
    fails(errno.EINVAL, os.readlink, 'f')
    put('dangling', b'made')
    eq(get('nowhere'), b'made')


# Renaming

@check
def rename_plain():
    put('a', b'x')
    ino = os.stat('a').st_ino
    os.rename('a', 'b')
    eq(names(), ['b'])
    eq(os.stat('b').st_ino, ino)
    os.mkdir('d')
    os.rename('b', 'd/c')
    eq(get('d/c'), b'x')
    eq(names(), ['d'])


@check
def rename_over():
    put('a', b'a')
    put('b', b'b')
    os.rename('a', 'b')
    eq(get('b'), b'a')
    os.mkdir('d')
    os.mkdir('e')
    os.rename('d', 'e')
    eq(names(), ['b', 'e'])
    put('e/x')
    os.mkdir('d')
    fails((errno.ENOTEMPTY, errno.EEXIST), os.rename, 'd', 'e')
    fails(errno.EISDIR, os.rename, 'b', 'd')
    fails(errno.ENOTDIR, os.rename, 'd', 'b')


@check
def rename_errors():
    fails(errno.ENOENT, os.rename, 'none', 'x')
    os.makedirs('d/e')
    fails(errno.EINVAL, os.rename, 'd', 'd/e/f')
    put('a', b'1')
    os.link('a', 'b')
    os.rename('a', 'b')
    eq(names(), ['a', 'b', 'd'])
    os.rename('a', 'a')
    eq(get('a'), b'1')


@check
def rename_open_file():
    fd = os.open('a', os.O_CREAT | os.O_RDWR)
    os.rename('a', 'b')
    os.write(fd, b'through')
    eq(get('b'), b'through')
    os.close(fd)


@check
def rename_noreplace():
    put('a', b'a')
    put('b', b'b')
    try:
        renameat2('a', 'c', 1)
    except OSError as e:
        if e.errno in (errno.ENOSYS, errno.EINVAL):
            raise Skip(f'renameat2: {e.strerror}')
        raise
    fails(errno.EEXIST, renameat2, 'c', 'b', 1)
    eq((get('c'), get('b')), (b'a', b'b'))


@check
def rename_exchange():
    put('a', b'a')
    os.mkdir('d')
    put('d/x')
    try:
        renameat2('a', 'd', 2)
    except OSError as e:
        if e.errno in (errno.ENOSYS, errno.EINVAL):
            raise Skip(f'renameat2: {e.strerror}')
        raise
    eq(get('d'), b'a')
    eq(names('a'), ['x'])
    fails(errno.ENOENT, renameat2, 'a', 'none', 2)


# Attributes

@check
def chmod():
    put('f')
    for mode in (0o600, 0o4755, 0o2750, 0o1777, 0o000, 0o644):
        os.chmod('f', mode)
        eq(stat.S_IMODE(os.stat('f').st_mode), mode)
    fd = os.open('f', os.O_RDONLY)
    os.fchmod(fd, 0o640)
    eq(stat.S_IMODE(os.fstat(fd).st_mode), 0o640)
    os.close(fd)
    os.mkdir('d')
    os.chmod('d', 0o2775)
    eq(stat.S_IMODE(os.stat('d').st_mode), 0o2775)


@check
def chown():
    if os.getuid() != 0:
        raise Skip('needs root')
    put('f')
    os.chown('f', 1000, 1001)
    eq((os.stat('f').st_uid, os.stat('f').st_gid), (1000, 1001))
    os.chown('f', -1, 7)
    eq((os.stat('f').st_uid, os.stat('f').st_gid), (1000, 7))
    os.symlink('f', 'l')
    os.lchown('l', 12, 13)
    eq((os.lstat('l').st_uid, os.stat('f').st_uid), (12, 1000))


@check
def chown_by_owner_clears_setid():
    put('f')
    os.chmod('f', 0o6755)
    if os.getuid() == 0:
        os.chown('f', NOBODY, NOBODY)
    os.chmod('f', 0o6755)
    as_user(NOBODY, NOBODY, lambda: os.chown('f', NOBODY, NOBODY))
    eq(stat.S_IMODE(os.stat('f').st_mode), 0o755)


@check
def write_clears_setid():
    put('f', mode=0o666)
    os.chmod('f', 0o6777)

    def write():
        fd = os.open('f', os.O_WRONLY)
        os.write(fd, b'x')
        os.close(fd)
    as_user(NOBODY, NOBODY, write)
    eq(stat.S_IMODE(os.stat('f').st_mode), 0o777)


@check
def truncate_clears_setid():
    put('f', b'data', mode=0o666)
    os.chmod('f', 0o6777)
    as_user(NOBODY, NOBODY, lambda: os.truncate('f', 1))
    eq(stat.S_IMODE(os.stat('f').st_mode), 0o777)


@check
def setgid_directory_is_inherited():
    if os.getuid() != 0:
        raise Skip('needs root')
    os.mkdir('d')
    os.chown('d', 0, 1234)
    os.chmod('d', 0o2777)
    put('d/f')
    os.mkdir('d/e')
    eq(os.stat('d/f').st_gid, 1234)
    eq((os.stat('d/e').st_gid, stat.S_IMODE(os.stat('d/e').st_mode) & 0o2000), (1234, 0o2000))


@check
def utimens():
    put('f')
    os.utime('f', ns=(1_000_000_007, 2_000_000_000_123_456_789 % (1 << 62)))
    s = os.stat('f')
    eq((s.st_atime_ns, s.st_mtime_ns), (1_000_000_007, 2_000_000_000_123_456_789 % (1 << 62)))
    before = os.stat('f').st_mtime_ns
    os.utime('f')
    now = os.stat('f')
    eq(abs(now.st_mtime_ns - time.time_ns()) < 5_000_000_000, True, 'mtime is now')
    eq(now.st_mtime_ns != before, True)
    fd = os.open('f', os.O_RDONLY)
    os.utime(fd, ns=(5, 6))
    eq((os.fstat(fd).st_atime_ns, os.fstat(fd).st_mtime_ns), (5, 6))
    os.close(fd)
    os.symlink('f', 'l')
    os.utime('l', ns=(7_000_000_000, 8_000_000_000), follow_symlinks=False)
    eq((os.lstat('l').st_mtime_ns, os.stat('f').st_mtime_ns), (8_000_000_000, 6))


@check
def utimens_omit():
    put('f')
    os.utime('f', ns=(11_000_000_000, 12_000_000_000))

    class Spec(ctypes.Structure):
        _fields_ = [('sec', ctypes.c_long), ('nsec', ctypes.c_long)]
    omit = (1 << 30) - 2
    syscall(libc.utimensat(-100, b'f', (Spec * 2)(Spec(0, omit), Spec(99, 0)), 0))
    s = os.stat('f')
    eq((s.st_atime_ns, s.st_mtime_ns), (11_000_000_000, 99_000_000_000))
    syscall(libc.utimensat(-100, b'f', (Spec * 2)(Spec(98, 0), Spec(0, omit)), 0))
    s = os.stat('f')
    eq((s.st_atime_ns, s.st_mtime_ns), (98_000_000_000, 99_000_000_000))


@check
def times_before_1970():
    put('f')
    os.utime('f', ns=(-5_000_000_001, -1))
    s = os.stat('f')
    eq((s.st_atime_ns, s.st_mtime_ns), (-5_000_000_001, -1))


@check
def times_move():
    os.mkdir('d')
    put('d/f', b'x')
    os.utime('d/f', (1000, 1000))
    os.utime('d', (1000, 1000))
    before = os.stat('d/f').st_ctime_ns
    time.sleep(0.02)
    fd = os.open('d/f', os.O_WRONLY)
    os.write(fd, b'y')
    os.close(fd)
    eq(os.stat('d/f').st_mtime > 1000, True, 'mtime after write')
    eq(os.stat('d/f').st_ctime_ns > before, True, 'ctime after write')
    eq(os.stat('d').st_mtime, 1000, 'the directory\'s mtime after a write')
    put('d/g')
    eq(os.stat('d').st_mtime > 1000, True, 'mtime of the directory after create')
    os.utime('d', (1000, 1000))
    os.rename('d/g', 'd/h')
    eq(os.stat('d').st_mtime > 1000, True, 'mtime of the directory after rename')
    os.utime('d', (1000, 1000))
    os.unlink('d/h')
    eq(os.stat('d').st_mtime > 1000, True, 'mtime of the directory after unlink')
    before = os.stat('d/f').st_ctime_ns
    time.sleep(0.02)
    os.chmod('d/f', 0o600)
    eq(os.stat('d/f').st_ctime_ns > before, True, 'ctime after chmod')
    before = os.stat('d/f').st_ctime_ns
    time.sleep(0.02)
    os.link('d/f', 'd/l')
    eq(os.stat('d/f').st_ctime_ns > before, True, 'ctime after link')


@check
def blocks():
    put('f', b'x' * 100000)
    eq(os.stat('f').st_blocks * 512 >= 100000, True)
    eq(os.stat('f').st_blksize >= 512, True)


@check
def statvfs():
    s = os.statvfs('.')
    eq(s.f_namemax, 255)
    eq(s.f_blocks > 0 and s.f_bsize > 0 and s.f_bavail <= s.f_bfree <= s.f_blocks, True, str(s))
    fd = os.open('.', os.O_RDONLY)
    eq(os.fstatvfs(fd).f_blocks, s.f_blocks)
    os.close(fd)


@check
def special_files():
    os.mkfifo('p', 0o600)
    eq(stat.S_ISFIFO(os.stat('p').st_mode), True)
    pid = child(lambda: put_into('p', b'through the fifo'))
    fd = os.open('p', os.O_RDONLY)
    eq(os.read(fd, 100), b'through the fifo')
    os.close(fd)
    join(pid)
    s = socket.socket(socket.AF_UNIX)
    s.bind('s')
    eq(stat.S_ISSOCK(os.stat('s').st_mode), True)
    s.listen(1)
    c = socket.socket(socket.AF_UNIX)
    c.connect('s')
    c.close()
    s.close()
    if os.getuid() == 0:
        os.mknod('c', 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        eq((os.stat('c').st_rdev, stat.S_ISCHR(os.stat('c').st_mode)), (os.makedev(1, 3), True))
        os.mknod('b', 0o666 | stat.S_IFBLK, os.makedev(259, 70000))
        eq((os.stat('b').st_rdev, stat.S_ISBLK(os.stat('b').st_mode)), (os.makedev(259, 70000), True))
        os.mknod('r', 0o640 | stat.S_IFREG)
        eq(stat.S_ISREG(os.stat('r').st_mode), True)


def put_into(path, data):
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, data)
    os.close(fd)


# Permissions

@check
def permissions_of_files():
    put('f', b'x', 0o640)

    def other():
        fails(errno.EACCES, os.open, 'f', os.O_RDONLY)
        fails(errno.EACCES, os.open, 'f', os.O_WRONLY)
        fails(errno.EPERM, os.chmod, 'f', 0o777)
        fails(errno.EPERM, os.chown, 'f', NOBODY, NOBODY)
        fails(errno.EACCES, os.utime, 'f')
        fails(errno.EPERM, os.utime, 'f', (1, 1))
        fails(errno.EACCES, os.truncate, 'f', 0)
        eq(os.access('f', os.R_OK), False)
        eq(os.access('f', os.F_OK), True)
    as_user(NOBODY, NOBODY, other)
    os.chmod('f', 0o644)
    as_user(NOBODY, NOBODY, lambda: eq(get('f'), b'x'))


@check
def permissions_by_group():
    if os.getuid() != 0:
        raise Skip('needs root')
    put('f', b'x')
    os.chown('f', 0, 4321)
    os.chmod('f', 0o040)
    as_user(NOBODY, 4321, lambda: eq(get('f'), b'x'))
    as_user(NOBODY, NOBODY, lambda: eq(get('f'), b'x'), groups=[4321])
    as_user(NOBODY, NOBODY, lambda: fails(errno.EACCES, get, 'f'))


@check
def permissions_of_directories():
    os.mkdir('d', 0o755)
    put('d/f', b'x', 0o666)
    os.chmod('d/f', 0o666)

    def other():
        fails(errno.EACCES, os.open, 'd/g', os.O_CREAT | os.O_WRONLY)
        fails(errno.EACCES, os.mkdir, 'd/e')
        fails(errno.EACCES, os.unlink, 'd/f')
        fails(errno.EACCES, os.rename, 'd/f', 'd/g')
        eq(os.listdir('d'), ['f'])
        put_into('d/f', b'y')
    as_user(NOBODY, NOBODY, other)
    os.chmod('d', 0o700)
    as_user(NOBODY, NOBODY, lambda: fails(errno.EACCES, os.stat, 'd/f'))
    as_user(NOBODY, NOBODY, lambda: fails(errno.EACCES, os.listdir, 'd'))
    os.chmod('d', 0o711)
    as_user(NOBODY, NOBODY, lambda: os.stat('d/f') and None)
    as_user(NOBODY, NOBODY, lambda: fails(errno.EACCES, os.listdir, 'd'))


@check
def sticky_directory():
    os.mkdir('d')
    os.chmod('d', 0o1777)
    put('d/mine')
    as_user(NOBODY, NOBODY, lambda: fails((errno.EPERM, errno.EACCES), os.unlink, 'd/mine'))
    as_user(NOBODY, NOBODY, lambda: fails((errno.EPERM, errno.EACCES), os.rename, 'd/mine', 'd/x'))

    def own():
        put('d/theirs')
        os.rename('d/theirs', 'd/t2')
        os.unlink('d/t2')
    as_user(NOBODY, NOBODY, own)


@check
def executables():
    with open('run', 'w') as f:
        f.write('#!/bin/sh\nexit 0\n')
    fails(errno.EACCES, os.execv, './run', ['run'])
    os.chmod('run', 0o755)
    join(child(lambda: os.execv('./run', ['run'])))


@check
def files_of_users():
    os.mkdir('d')
    os.chmod('d', 0o777)

    def make():
        put('d/f')
        os.mkdir('d/e')
        os.symlink('x', 'd/l')
    as_user(NOBODY, NOBODY, make)
    for name in ('d/f', 'd/e', 'd/l'):
        eq((os.lstat(name).st_uid, os.lstat(name).st_gid), (NOBODY, NOBODY), name)


# Extended attributes

@check
def xattrs():
    put('f')
    try:
        os.setxattr('f', 'user.a', b'1')
    except OSError as e:
        if e.errno == errno.EOPNOTSUPP:
            raise Skip('no user xattrs')
        raise
    os.setxattr('f', 'user.b', b'')
    eq(os.getxattr('f', 'user.a'), b'1')
    eq(os.getxattr('f', 'user.b'), b'')
    eq({'user.a', 'user.b'} <= set(os.listxattr('f')), True, str(os.listxattr('f')))
    fails(errno.EEXIST, os.setxattr, 'f', 'user.a', b'2', os.XATTR_CREATE)
    fails(errno.ENODATA, os.setxattr, 'f', 'user.c', b'2', os.XATTR_REPLACE)
    os.setxattr('f', 'user.a', b'22', os.XATTR_REPLACE)
    eq(os.getxattr('f', 'user.a'), b'22')
    os.removexattr('f', 'user.a')
    fails(errno.ENODATA, os.getxattr, 'f', 'user.a')
    fails(errno.ENODATA, os.removexattr, 'f', 'user.a')
    fd = os.open('f', os.O_RDONLY)
    os.setxattr(fd, 'user.fd', b'\0\xff')
    eq(os.getxattr('f', 'user.fd'), b'\0\xff')
    os.close(fd)
    os.mkdir('d')
    os.setxattr('d', 'user.d', b'dir')
    eq(os.getxattr('d', 'user.d'), b'dir')


@check
def xattr_sizes():
    put('f')
    try:
        os.setxattr('f', 'user.big', b'v' * 2000)
    except OSError as e:
        if e.errno == errno.EOPNOTSUPP:
            raise Skip('no user xattrs')
        raise
    eq(os.getxattr('f', 'user.big'), b'v' * 2000)
    buffer = ctypes.create_string_buffer(10)
    eq(libc.getxattr(b'f', b'user.big', None, 0), 2000)
    eq(libc.getxattr(b'f', b'user.big', buffer, 10), -1)
    eq(ctypes.get_errno(), errno.ERANGE)
    eq(libc.listxattr(b'f', None, 0) >= len('user.big') + 1, True)
    eq(libc.listxattr(b'f', buffer, 2), -1)
    eq(ctypes.get_errno(), errno.ERANGE)


@check
def acls():
    put('f', b'x', 0o600)
    acl = struct.pack('<I', 2)
    for tag, perm, who in ((1, 6, 0xffffffff), (2, 4, NOBODY), (4, 0, 0xffffffff), (16, 4, 0xffffffff), (32, 0, 0xffffffff)):
        acl += struct.pack('<HHI', tag, perm, who)
    try:
        os.setxattr('f', 'system.posix_acl_access', acl)
        os.mkdir('d')
        os.setxattr('d', 'system.posix_acl_default', acl)
    except OSError as e:
        if e.errno == errno.EOPNOTSUPP:
            raise Skip('no ACLs')
        raise
    eq(os.getxattr('f', 'system.posix_acl_access'), acl)
    if stat.S_IMODE(os.stat('f').st_mode) != 0o640:
        raise Skip('ACLs are kept but mean nothing')
    as_user(NOBODY, NOBODY, lambda: eq(get('f'), b'x'))
    as_user(NOBODY - 1, NOBODY - 1, lambda: fails(errno.EACCES, get, 'f'))
    put('d/f', b'y', 0o666)
    eq(len(os.getxattr('d/f', 'system.posix_acl_access')), len(acl))
    eq(stat.S_IMODE(os.stat('d/f').st_mode), 0o640)
    os.mkdir('d/e')
    eq(os.getxattr('d/e', 'system.posix_acl_default'), acl)


# Locks

def lockf(fd, kind, start=0, length=0, wait=False):
    fcntl.fcntl(fd, fcntl.F_SETLKW if wait else fcntl.F_SETLK, struct.pack('hhqqi', kind, 0, start, length, 0))


def getlk(fd, kind, start=0, length=0):
    data = fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack('hhqqi', kind, 0, start, length, 0))
    kind, _, start, length, pid = struct.unpack('hhqqi', data)
    return kind, start, length, pid


@check
def fcntl_locks_conflict():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    lockf(fd, fcntl.F_WRLCK, 10, 10)

    def other():
        fd = os.open('f', os.O_RDWR)
        fails((errno.EAGAIN, errno.EACCES), lockf, fd, fcntl.F_WRLCK, 15, 1)
        fails((errno.EAGAIN, errno.EACCES), lockf, fd, fcntl.F_RDLCK, 0, 0)
        lockf(fd, fcntl.F_WRLCK, 0, 10)
        lockf(fd, fcntl.F_WRLCK, 20, 0)
        kind, start, length, _ = getlk(fd, fcntl.F_WRLCK, 0, 0)
        eq((kind, start, length), (fcntl.F_WRLCK, 10, 10))
        eq(getlk(fd, fcntl.F_WRLCK, 0, 5)[0], fcntl.F_UNLCK)
    join(child(other))
    lockf(fd, fcntl.F_UNLCK, 0, 0)
    join(child(lambda: lockf(os.open('f', os.O_RDWR), fcntl.F_WRLCK)))
    os.close(fd)


@check
def fcntl_read_locks_share():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    lockf(fd, fcntl.F_RDLCK)

    def other():
        fd = os.open('f', os.O_RDWR)
        lockf(fd, fcntl.F_RDLCK)
        fails((errno.EAGAIN, errno.EACCES), lockf, fd, fcntl.F_WRLCK)
    join(child(other))
    os.close(fd)


@check
def fcntl_locks_split():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    lockf(fd, fcntl.F_WRLCK, 0, 100)
    lockf(fd, fcntl.F_UNLCK, 40, 20)

    def other():
        fd = os.open('f', os.O_RDWR)
        lockf(fd, fcntl.F_WRLCK, 40, 20)
        fails((errno.EAGAIN, errno.EACCES), lockf, fd, fcntl.F_RDLCK, 39, 1)
        fails((errno.EAGAIN, errno.EACCES), lockf, fd, fcntl.F_RDLCK, 60, 1)
    join(child(other))
    os.close(fd)


@check
def fcntl_locks_go_with_the_process():
    os.close(os.open('f', os.O_CREAT | os.O_RDWR))
    r, w = os.pipe()

    def holder():
        lockf(os.open('f', os.O_RDWR), fcntl.F_WRLCK)
        os.write(w, b'x')
        time.sleep(30)
    pid = child(holder)
    os.read(r, 1)
    fd = os.open('f', os.O_RDWR)
    fails((errno.EAGAIN, errno.EACCES), lockf, fd, fcntl.F_WRLCK)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    lockf(fd, fcntl.F_WRLCK, wait=True)
    os.close(fd)


@check
def fcntl_locks_go_with_any_close():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    lockf(fd, fcntl.F_WRLCK)
    os.close(os.open('f', os.O_RDONLY))
    join(child(lambda: lockf(os.open('f', os.O_RDWR), fcntl.F_WRLCK)))
    os.close(fd)


@check
def fcntl_lock_waits():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    lockf(fd, fcntl.F_WRLCK)
    r, w = os.pipe()

    def other():
        lockf(os.open('f', os.O_RDWR), fcntl.F_WRLCK, wait=True)
        os.write(w, b'x')
    pid = child(other)
    eq(select.select([r], [], [], 0.3)[0], [], 'the lock was given too early')
    lockf(fd, fcntl.F_UNLCK)
    eq(select.select([r], [], [], 10)[0], [r], 'the lock was never given')
    join(pid)
    os.close(fd)


@check
def fcntl_lock_wait_is_interrupted():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    lockf(fd, fcntl.F_WRLCK)

    def other():
        def handler(*_):
            raise InterruptedError(errno.EINTR, 'alarm')
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        fails(errno.EINTR, lockf, os.open('f', os.O_RDWR), fcntl.F_WRLCK, wait=True)
    join(child(other))
    lockf(fd, fcntl.F_UNLCK)
    join(child(lambda: lockf(os.open('f', os.O_RDWR), fcntl.F_WRLCK)))
    os.close(fd)


@check
def lock_waiter_is_killed():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    lockf(fd, fcntl.F_WRLCK)
    pid = child(lambda: lockf(os.open('f', os.O_RDWR), fcntl.F_WRLCK, wait=True))
    time.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    lockf(fd, fcntl.F_UNLCK)
    join(child(lambda: lockf(os.open('f', os.O_RDWR), fcntl.F_WRLCK)))
    os.close(fd)


@check
def flock_conflicts():
    a = os.open('f', os.O_CREAT | os.O_RDWR)
    b = os.open('f', os.O_RDWR)
    fcntl.flock(a, fcntl.LOCK_EX)
    fails(errno.EAGAIN, fcntl.flock, b, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fails(errno.EAGAIN, fcntl.flock, b, fcntl.LOCK_SH | fcntl.LOCK_NB)
    fcntl.flock(a, fcntl.LOCK_SH)
    fcntl.flock(b, fcntl.LOCK_SH | fcntl.LOCK_NB)
    fails(errno.EAGAIN, fcntl.flock, b, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(a)
    fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(b)


@check
def flock_is_of_the_open_file():
    a = os.open('f', os.O_CREAT | os.O_RDWR)
    fcntl.flock(a, fcntl.LOCK_EX)
    dup = os.dup(a)
    os.close(a)
    b = os.open('f', os.O_RDWR)
    fails(errno.EAGAIN, fcntl.flock, b, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(dup, fcntl.LOCK_UN)
    fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(dup)
    os.close(b)


@check
def flock_waits_and_is_interrupted():
    a = os.open('f', os.O_CREAT | os.O_RDWR)
    fcntl.flock(a, fcntl.LOCK_EX)

    def interrupted():
        def handler(*_):
            raise InterruptedError(errno.EINTR, 'alarm')
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        fails(errno.EINTR, fcntl.flock, os.open('f', os.O_RDWR), fcntl.LOCK_EX)
    join(child(interrupted))
    r, w = os.pipe()

    def waiter():
        fcntl.flock(os.open('f', os.O_RDWR), fcntl.LOCK_EX)
        os.write(w, b'x')
    pid = child(waiter)
    eq(select.select([r], [], [], 0.2)[0], [])
    fcntl.flock(a, fcntl.LOCK_UN)
    join(pid)
    os.close(a)


@check
def open_file_description_locks():
    F_OFD_SETLK = 37
    a = os.open('f', os.O_CREAT | os.O_RDWR)
    b = os.open('f', os.O_RDWR)
    whole = struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 0, 0)
    fcntl.fcntl(a, F_OFD_SETLK, whole)
    fails((errno.EAGAIN, errno.EACCES), fcntl.fcntl, b, F_OFD_SETLK, whole)
    os.close(a)
    fcntl.fcntl(b, F_OFD_SETLK, whole)
    os.close(b)


# Holes and copies

@check
def fallocate_extends():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    try:
        fallocate(fd, 0, 0, 300000)
    except OSError as e:
        if e.errno == errno.EOPNOTSUPP:
            raise Skip('no fallocate')
        raise
    eq(os.fstat(fd).st_size, 300000)
    eq(os.pread(fd, 300000, 0), bytes(300000))
    fallocate(fd, 1, 300000, 100000)
    eq(os.fstat(fd).st_size, 300000)
    os.pwrite(fd, b'x' * 10, 5)
    fallocate(fd, 0, 0, 100)
    eq(os.pread(fd, 20, 0), bytes(5) + b'x' * 10 + bytes(5))
    os.close(fd)


@check
def fallocate_punches_holes():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    os.write(fd, b'x' * (1 << 20))
    try:
        fallocate(fd, 3, 100001, 500000)
    except OSError as e:
        if e.errno == errno.EOPNOTSUPP:
            raise Skip('no hole punching')
        raise
    want = bytearray(b'x' * (1 << 20))
    want[100001:600001] = bytes(500000)
    eq(os.pread(fd, 2 << 20, 0) == bytes(want), True, 'contents')
    eq(os.fstat(fd).st_size, 1 << 20)
    os.fsync(fd)
    eq(os.fstat(fd).st_blocks * 512 < 1 << 20, True, 'space is given back')
    os.close(fd)


@check
def fallocate_zeroes_range():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    os.write(fd, b'x' * 200000)
    try:
        fallocate(fd, 16, 1000, 150000)
    except OSError as e:
        if e.errno == errno.EOPNOTSUPP:
            raise Skip('no FALLOC_FL_ZERO_RANGE')
        raise
    eq(os.pread(fd, 200000, 0) == b'x' * 1000 + bytes(150000) + b'x' * 49000, True, 'contents')
    os.close(fd)


@check
def seek_data_and_hole():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    os.pwrite(fd, b'x' * 4096, 1 << 20)
    os.ftruncate(fd, 4 << 20)
    os.fsync(fd)
    try:
        data = os.lseek(fd, 0, os.SEEK_DATA)
    except OSError as e:
        if e.errno == errno.EINVAL:
            raise Skip('no SEEK_DATA')
        raise
    eq(data <= 1 << 20, True, f'data at {data}')
    hole = os.lseek(fd, 1 << 20, os.SEEK_HOLE)
    eq((1 << 20) + 4096 <= hole <= 4 << 20, True, f'hole at {hole}')
    fails(errno.ENXIO, os.lseek, fd, 5 << 20, os.SEEK_DATA)
    fails(errno.ENXIO, os.lseek, fd, 4 << 20, os.SEEK_HOLE)
    eq(os.lseek(fd, -1, os.SEEK_END), (4 << 20) - 1)
    os.close(fd)


@check
def copy_file_range():
    data = os.urandom(300000)
    put('a', data)
    a = os.open('a', os.O_RDONLY)
    b = os.open('b', os.O_CREAT | os.O_RDWR)
    done = 0
    while done < 200000:
        n = os.copy_file_range(a, b, 200000 - done, 50000 + done, 10 + done)
        if n == 0:
            break
        done += n
    eq(done, 200000)
    eq(os.pread(b, 400000, 0) == bytes(10) + data[50000:250000], True, 'contents')
    os.close(a)
    os.close(b)


@check
def copy_file_range_beyond_end():
    put('a', b'12345')
    a = os.open('a', os.O_RDONLY)
    b = os.open('b', os.O_CREAT | os.O_RDWR)
    eq(os.copy_file_range(a, b, 100, 2, 0), 3)
    eq(os.copy_file_range(a, b, 100, 5, 3), 0)
    eq(os.pread(b, 10, 0), b'345')
    os.close(a)
    os.close(b)


@check
def sendfile_and_splice():
    put('a', b'x' * 100000)
    a = os.open('a', os.O_RDONLY)
    b = os.open('b', os.O_CREAT | os.O_WRONLY)
    eq(os.sendfile(b, a, 0, 100000), 100000)
    os.close(a)
    os.close(b)
    eq(os.stat('b').st_size, 100000)


# Mapping

@check
def mmap_shared():
    put('f', b'a' * 10000)
    fd = os.open('f', os.O_RDWR)
    m = mmap.mmap(fd, 10000)
    m[5000:5005] = b'hello'
    m.flush()
    eq(os.pread(fd, 5, 5000), b'hello')
    os.pwrite(fd, b'world', 7000)
    eq(m[7000:7005], b'world')
    m.close()
    os.close(fd)
    eq(get('f')[4999:5006], b'ahelloa')


@check
def mmap_survives_close_and_unlink():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    os.ftruncate(fd, 8192)
    m = mmap.mmap(fd, 8192)
    os.close(fd)
    os.unlink('f')
    m[0:3] = b'abc'
    m.flush()
    eq(m[0:4], b'abc\0')
    m.close()


@check
def mmap_private():
    put('f', b'a' * 5000)
    fd = os.open('f', os.O_RDONLY)
    m = mmap.mmap(fd, 5000, access=mmap.ACCESS_COPY)
    m[0:2] = b'zz'
    eq(m[0:3], b'zza')
    m.close()
    os.close(fd)
    eq(get('f')[:3], b'aaa')


@check
def mmap_beyond_end_faults():
    put('f', b'a' * 100)

    def touch():
        fd = os.open('f', os.O_RDWR)
        m = mmap.mmap(fd, 100)
        eq(m[0:1], b'a')
        os.ftruncate(fd, 0)
        m[0:1] = b'x'
    pid = child(touch)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    eq(status, -signal.SIGBUS)


# Waiting

@check
def poll_regular_file_is_ready():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    p = select.poll()
    p.register(fd, select.POLLIN | select.POLLOUT)
    eq(p.poll(0), [(fd, select.POLLIN | select.POLLOUT)])
    os.close(fd)


@check
def ioctl_unknown():
    fd = os.open('f', os.O_CREAT | os.O_RDWR)
    fails((errno.ENOTTY, errno.ENOSYS, errno.EINVAL), fcntl.ioctl, fd, 0x5401, bytes(64))
    os.close(fd)


@check
def statx_size_and_type():
    put('f', b'x' * 1234)
    buffer = ctypes.create_string_buffer(256)
    syscall(libc.statx(-100, b'f', 0, 0x7ff, buffer))
    mask, _, _, nlink, _, _, mode = struct.unpack_from('<IIQIIIH', buffer)
    eq(mask & 0x7ff, 0x7ff)
    eq((nlink, stat.S_ISREG(mode)), (1, True))
    eq(struct.unpack_from('<Q', buffer, 40)[0], 1234)


@check
def many_open_files():
    fds = [os.open(f'f{i}', os.O_CREAT | os.O_RDWR) for i in range(300)]
    for i, fd in enumerate(fds):
        os.write(fd, str(i).encode())
    for i, fd in enumerate(fds):
        eq(os.pread(fd, 10, 0), str(i).encode())
        os.close(fd)


@check
def parallel_creates_in_one_directory():
    def maker(k):
        for i in range(100):
            put(f'f-{k}-{i}', str(i).encode())
    for pid in [child(lambda k=k: maker(k)) for k in range(4)]:
        join(pid)
    eq(len(names()), 400)


@check
def exclusive_create_has_one_winner():
    r, w = os.pipe()

    def racer():
        for i in range(50):
            try:
                os.close(os.open(f'f{i}', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                os.write(w, b'x')
            except FileExistsError:
                pass
    for pid in [child(racer) for _ in range(4)]:
        join(pid)
    os.close(w)
    eq(len(os.read(r, 1000)), 50)


def run(name, function, base, limit):
    r, w = os.pipe()
    path = os.path.join(base, name)

    def body():
        os.close(r)
        result = 'pass'
        try:
            os.mkdir(path)
            os.chmod(path, 0o755)
            os.chdir(path)
            function()
        except Skip as e:
            result = f'skip {name}: {e}'
        except BaseException as e:
            where = traceback.extract_tb(e.__traceback__)
            line = next((f.lineno for f in reversed(where) if f.name == name), where[-1].lineno if where else 0)
            result = f'FAIL {name}: line {line}: {type(e).__name__}: {e}'
        os.write(w, (f'pass {name}' if result == 'pass' else result).replace('\n', ' ').encode()[:4000])
        os._exit(0)
    pid = os.fork()
    if pid == 0:
        body()
    os.close(w)
    ready = select.select([r], [], [], limit)[0]
    if ready:
        line = os.read(r, 4096).decode() or f'FAIL {name}: the process died'
        os.waitpid(pid, 0)
    else:
        os.kill(pid, signal.SIGKILL)
        line = f'FAIL {name}: not finished after {limit} s'
    os.close(r)
    shutil.rmtree(path, ignore_errors=True)
    print(line, flush=True)
    return not line.startswith('FAIL')


def main():
    args = sys.argv[1:]
    only, skip, base, limit = '', None, None, 60
    while args:
        arg = args.pop(0)
        if arg == '--only':
            only = args.pop(0)
        elif arg == '--skip':
            skip = args.pop(0)
        elif arg == '--limit':
            limit = float(args.pop(0))
        elif arg == '--list':
            print('\n'.join(name for name, _ in CHECKS))
            return 0
        else:
            base = os.path.abspath(arg)
    if base is None:
        print(__doc__, file=sys.stderr)
        return 2
    work = os.path.join(base, f'.posix-{os.getpid()}')
    os.mkdir(work)
    os.chmod(work, 0o755)
    os.umask(0o022)
    good = True
    try:
        for name, function in CHECKS:
            if re.search(only, name) and not (skip and re.search(skip, name)):
                good &= run(name, function, work, limit)
    finally:
        os.chdir('/')
        shutil.rmtree(work, ignore_errors=True)
    return 0 if good else 1


sys.exit(main())
