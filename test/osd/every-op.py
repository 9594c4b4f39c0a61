# Runs operations of librados one after the other and prints what each gave: the same lines must come out whoever
# the OSD is. Argument: the pool.
import sys, rados

HEAD = rados.LIBRADOS_SNAP_HEAD if hasattr(rados, "LIBRADOS_SNAP_HEAD") else 0xfffffffffffffffe

cluster = rados.Rados(conffile='')
cluster.connect()
io = cluster.open_ioctx(sys.argv[1])

def show(name, run):
    try:
        value = run()
    except rados.Error as e:
        value = 'errno %s' % e.errno
    except Exception as e:
        value = '%s %s' % (type(e).__name__, e)
    print(name, '->', value, flush=True)

def size(o): return io.stat(o)[0]

# Data.
show('stat none', lambda: size('none'))
show('read none', lambda: io.read('none'))
show('rm none', lambda: io.remove_object('none'))
show('write', lambda: (io.write('a', b'hello world', 3), io.read('a'), size('a')))
show('read part', lambda: (io.read('a', 4, 2), io.read('a', 100, 5), io.read('a', 100, 50), io.read('a', 5, 14)))
show('writefull', lambda: (io.write_full('a', b'short'), io.read('a'), size('a')))
show('append', lambda: (io.append('a', b' and long'), io.read('a')))
show('append new', lambda: (io.append('ap', b'x'), io.read('ap')))
show('trunc down', lambda: (io.trunc('a', 4), io.read('a')))
show('trunc up', lambda: (io.trunc('a', 8), io.read('a')))
show('trunc none', lambda: (io.trunc('none', 8), size('none')))
show('write hole', lambda: (io.write('h', b'end', 10000), size('h'), io.read('h', 20, 9990)))
show('write empty', lambda: (io.write('e', b'', 0), size('e')))
show('write empty off', lambda: (io.write('e', b'', 9), size('e')))
show('write too far', lambda: io.write('e', b'x', 128 << 20))
show('writesame', lambda: (io.writesame('ws', b'ab', 10, 2), io.read('ws')))
show('writesame odd', lambda: io.writesame('ws', b'abc', 10, 0))
show('cmpext same', lambda: io.cmpext('a', b'shor', 0))
show('cmpext differs', lambda: io.cmpext('a', b'shXr', 0))
show('cmpext past', lambda: io.cmpext('a', b'shor\0\0\0\0\0\0', 0))
show('cmpext none', lambda: io.cmpext('none', b'\0\0', 0))
show('long name', lambda: io.write_full('n' * 3000, b''))
show('name 2048', lambda: (io.write_full('n' * 2048, b'1'), io.remove_object('n' * 2048)))
show('utf8 name', lambda: (io.write_full('\u00fc\u4f60', b'1'), io.read('\u00fc\u4f60'), [o.key for o in io.list_objects()]))
show('remove', lambda: (io.remove_object('h'), size('h')))

# Zero, create and the like through write operations.
def wop(o, *steps):
    def run():
        with rados.WriteOpCtx() as op:
            for step in steps: step(op)
            io.operate_write_op(op, o)
        return 'ok'
    return run
show('create', lambda: (wop('c', lambda op: op.new(rados.LIBRADOS_CREATE_EXCLUSIVE))(), size('c')))
show('create again', wop('c', lambda op: op.new(rados.LIBRADOS_CREATE_EXCLUSIVE)))
show('create idempotent', wop('c', lambda op: op.new(rados.LIBRADOS_CREATE_IDEMPOTENT)))
show('zero middle', lambda: (io.write_full('z', b'abcdefgh'), wop('z', lambda op: op.zero(2, 3))(), io.read('z')))
show('zero end', lambda: (wop('z', lambda op: op.zero(6, 100))(), io.read('z')))
show('zero past', lambda: (wop('z', lambda op: op.zero(50, 10))(), io.read('z')))
show('truncate op', lambda: (wop('z', lambda op: op.truncate(2))(), io.read('z')))
show('compound', lambda: (wop('cc', lambda op: op.write_full(b'0123456789'), lambda op: op.append(b'ab'), lambda op: op.write(b'X', 3), lambda op: op.zero(5, 2))(), io.read('cc')))
show('compound fails', lambda: wop('cc', lambda op: op.write_full(b'lost'), lambda op: op.new(rados.LIBRADOS_CREATE_EXCLUSIVE))())
show('nothing of it', lambda: io.read('cc'))
show('remove and write', lambda: (wop('cc', lambda op: op.remove(), lambda op: op.write_full(b'new'))(), io.read('cc')))
show('delete none op', wop('none', lambda op: op.remove()))

# Attributes.
show('xattr none', lambda: io.get_xattr('none', 'x'))
show('xattr set', lambda: (io.set_xattr('a', 'x', b'\0\xff1'), io.set_xattr('a', 'b', b''), io.get_xattr('a', 'x'), io.get_xattr('a', 'b')))
show('xattr missing', lambda: io.get_xattr('a', 'y'))
show('xattrs', lambda: sorted(io.get_xattrs('a')))
show('xattr rm', lambda: (io.rm_xattr('a', 'x'), sorted(io.get_xattrs('a'))))
show('xattr rm missing', lambda: io.rm_xattr('a', 'x'))
show('xattr rm none', lambda: io.rm_xattr('none', 'x'))
show('xattr makes', lambda: (io.set_xattr('xm', 'k', b'v'), size('xm'), list(io.get_xattrs('xm'))))
show('xattr long name', lambda: io.set_xattr('a', 'n' * 300, b'v'))
show('xattrs none', lambda: list(io.get_xattrs('none')))

# omap.
show('omap set', lambda: (wop('o', lambda op: io.set_omap(op, ('b', 'a', 'c', 'pre1', 'pre2'), (b'2', b'1', b'3', b'p', b'q')))(), size('o')))
def omap_vals(o, after, prefix, n):
    def run():
        with rados.ReadOpCtx() as op:
            it, r = io.get_omap_vals(op, after, prefix, n)
            io.operate_read_op(op, o)
            return list(it)
    return run
def omap_keys(o, after, n):
    def run():
        with rados.ReadOpCtx() as op:
            it, r = io.get_omap_keys(op, after, n)
            io.operate_read_op(op, o)
            return [k for k, v in it]
    return run
def omap_by_keys(o, *keys):
    def run():
        with rados.ReadOpCtx() as op:
            it, r = io.get_omap_vals_by_keys(op, keys)
            io.operate_read_op(op, o)
            return list(it)
    return run
show('omap all', omap_vals('o', '', '', 100))
show('omap after', omap_vals('o', 'a', '', 2))
show('omap prefix', omap_vals('o', '', 'pre', 100))
show('omap prefix after', omap_vals('o', 'pre1', 'pre', 100))
show('omap keys', omap_keys('o', 'b', 10))
show('omap by keys', omap_by_keys('o', 'c', 'zz', 'a'))
show('omap none', omap_vals('none', '', '', 10))
show('omap of plain', omap_vals('a', '', '', 10))
show('omap rm keys', lambda: (wop('o', lambda op: io.remove_omap_keys(op, ('a', 'nope')))(), omap_keys('o', '', 10)()))
show('omap rm range', lambda: (wop('o', lambda op: io.remove_omap_range2(op, 'b', 'pre2'))() if hasattr(io, 'remove_omap_range2') else None, omap_keys('o', '', 10)()) )
show('omap clear', lambda: (wop('o', lambda op: io.clear_omap(op))(), omap_keys('o', '', 10)()))
show('omap clear none', wop('none', lambda op: io.clear_omap(op)))
show('omap rm none', wop('none', lambda op: io.remove_omap_keys(op, ('a',))))

# Classes.
show('hello', lambda: io.execute('a', 'hello', 'say_hello', b'you'))
show('hello record', lambda: (io.execute('hr', 'hello', 'record_hello', b'you'), io.read('hr')))
show('hello record again', lambda: io.execute('hr', 'hello', 'record_hello', b'you'))
show('hello replay', lambda: io.execute('hr', 'hello', 'replay', b''))
show('hello 11', lambda: (io.execute('hr', 'hello', 'turn_it_to_11', b''), io.read('hr')))
show('hello bad', lambda: io.execute('a', 'hello', 'say_hello', b'y' * 200))
show('no class', lambda: io.execute('a', 'nope', 'x', b''))
show('no method', lambda: io.execute('a', 'hello', 'nope', b''))
show('exec none', lambda: io.execute('none', 'hello', 'say_hello', b''))

# Locks.
show('lock', lambda: io.lock_exclusive('l', 'n', 'c1', desc='d'))
show('lock again', lambda: io.lock_exclusive('l', 'n', 'c1'))
show('lock other cookie', lambda: io.lock_exclusive('l', 'n', 'c2'))
show('lock shared', lambda: io.lock_shared('l', 'n', 'c2', 'tag'))
show('unlock wrong', lambda: io.unlock('l', 'n', 'c2'))
show('unlock', lambda: io.unlock('l', 'n', 'c1'))
show('shared', lambda: (io.lock_shared('l', 'n', 'c1', 'tag'), io.lock_shared('l', 'n', 'c2', 'tag')))
show('shared other tag', lambda: io.lock_shared('l', 'n', 'c3', 'gat'))
show('exclusive over shared', lambda: io.lock_exclusive('l', 'n', 'c3'))
show('renew', lambda: io.lock_shared('l', 'n', 'c1', 'tag', flags=1))

# Versions.
show('version grows', lambda: [io.write_full('v', b'%d' % i) or io.get_last_version() - base for base in [io.write_full('v', b'') or io.get_last_version()] for i in range(3)])

# Snapshots of a pool, when asked for.
if len(sys.argv) > 2 and sys.argv[2] == 'poolsnaps':
    io.write_full('s', b'one')
    io.set_xattr('s', 'k', b'1')
    show('snap', lambda: io.create_snap('s1'))
    show('write after', lambda: (io.write('s', b'TWO!'), io.read('s')))
    show('new after', lambda: io.write_full('s-new', b'x'))
    io.set_read(io.lookup_snap('s1').snap_id)
    show('at snap', lambda: (io.read('s'), size('s'), io.get_xattr('s', 'k')))
    show('new at snap', lambda: io.read('s-new'))
    show('listed at snap', lambda: 's' in [o.key for o in io.list_objects()])
    io.set_read(HEAD)
    show('rollback', lambda: (io.snap_rollback('s', 's1') if hasattr(io, 'snap_rollback') else io.rollback('s', 's1'), io.read('s')))
    show('rollback of new', lambda: ((io.snap_rollback if hasattr(io, 'snap_rollback') else io.rollback)('s-new', 's1'), io.read('s-new')))
    show('remove head', lambda: (io.remove_object('s'), io.read('s')))
    io.set_read(io.lookup_snap('s1').snap_id)
    show('still at snap', lambda: io.read('s'))
    io.set_read(HEAD)
    show('head not listed', lambda: 's' in [o.key for o in io.list_objects()])
    show('remove snap', lambda: io.remove_snap('s1'))
else:
    # Self-managed snapshots.
    io.write_full('s', b'first content')
    s1 = io.create_self_managed_snap()
    io.set_self_managed_snap_write([s1])
    show('sm write', lambda: (io.write('s', b'SECOND'), io.read('s')))
    s2 = io.create_self_managed_snap()
    io.set_self_managed_snap_write([s2, s1])
    show('sm write 2', lambda: (io.write_full('s', b'third'), io.read('s')))
    io.set_read(s1)
    show('at s1', lambda: (io.read('s'), size('s')))
    io.set_read(s2)
    show('at s2', lambda: (io.read('s'), size('s')))
    io.set_read(HEAD)
    show('sm rollback', lambda: (io.rollback_self_managed_snap('s', s1), io.read('s')))
    show('sm remove', lambda: (io.remove_object('s'), io.read('s')))
    io.set_read(s2)
    show('at s2 still', lambda: io.read('s'))
    io.set_read(HEAD)
    show('sm back', lambda: (io.write_full('s', b'again'), io.read('s'), size('s')))
    io.set_self_managed_snap_write([])
    show('sm remove snap', lambda: (io.remove_self_managed_snap(s1), io.remove_self_managed_snap(s2)))

# Watch and notify.
got = []
def on_notify(notify_id, notifier, watch_id, data):
    got.append(data)
    return b'answer'
io.write_full('w', b'')
with io.watch('w', on_notify) as watch:
    show('watchers', lambda: len(list(io.list_watchers('w'))) if hasattr(io, 'list_watchers') else 1)
    show('notify', lambda: [(len(r[0]) if 0 else r) and len(r) for r in [io.notify('w', 'ping', 5000)] if r not in (None, True)] or 'ok')
    show('got', lambda: got)
    show('check', lambda: watch.check().total_seconds() >= 0)
show('notify nobody', lambda: bool(io.notify('w', 'ping', 2000)) or 'ok')
show('notify none', lambda: io.notify('none', 'ping', 2000))
show('watch none', lambda: io.watch('none', on_notify))

# Namespaces and keys.
io.set_namespace('ns')
show('ns write', lambda: (io.write_full('a', b'in ns'), io.read('a'), [o.key for o in io.list_objects()]))
io.set_namespace('')
show('ns apart', lambda: io.read('a'))
io.set_locator_key('key')
show('key', lambda: (io.write_full('k', b'by key'), io.read('k')))
io.set_locator_key('')
show('key needed', lambda: io.read('k'))
show('objects', lambda: sorted((o.nspace, o.key, o.locator_key if hasattr(o, 'locator_key') else '') for o in io.list_objects()))
cluster.shutdown()
