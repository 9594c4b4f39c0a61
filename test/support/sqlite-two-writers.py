#!/usr/bin/env python3
"""sqlite-two-writers.py FILE ROWS: two processes write to a database in WAL mode, which maps a shared index and locks it."""
import os
import sqlite3
import sys


def writer(path, who, rows):
    db = sqlite3.connect(path, timeout=90, isolation_level=None)
    for n in range(rows):
        db.execute('begin immediate')
        db.execute('insert into t values(?, ?, ?)', (who, n, os.urandom(500)))
        db.execute('commit')
        seen = db.execute('select count(*) from t where who = ?', (who,)).fetchone()[0]
        if seen != n + 1:
            raise AssertionError(f'{seen} rows of {n + 1}')
    db.close()


def main():
    path, rows = sys.argv[1], int(sys.argv[2])
    db = sqlite3.connect(path)
    if db.execute('pragma journal_mode = wal').fetchone() != ('wal',):
        raise AssertionError('no WAL')
    db.execute('create table t(who int, n int, data blob)')
    db.commit()
    db.close()
    children = []
    for who in range(2):
        pid = os.fork()
        if pid == 0:
            try:
                writer(path, who, rows)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    if any(os.waitpid(pid, 0)[1] != 0 for pid in children):
        return 1
    db = sqlite3.connect(path)
    print(db.execute('select count(*) from t').fetchone()[0], db.execute('pragma integrity_check').fetchone()[0])
    return 0


sys.exit(main())
