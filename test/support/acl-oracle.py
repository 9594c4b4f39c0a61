"""Asks the kernel what access control lists permit.

Reads a JSON array of {acl: hex, uid, gid, mode, asker: {uid, gid, groups}, want}; writes an array of booleans, or of null where the
kernel refuses the list. Needs root and a file system with lists.
"""
import json
import os
import sys
import tempfile

cases = json.load(sys.stdin)
results = []
with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "file")
    for case in cases:
        with open(path, "w"):
            pass
        os.chown(path, case["uid"], case["gid"])
        os.chmod(path, case["mode"] & 0o777)
        if case["acl"]:
            try:
                os.setxattr(path, "system.posix_acl_access", bytes.fromhex(case["acl"]))
            except OSError:
                results.append(None)
                os.unlink(path)
                continue
        mode = os.stat(path).st_mode & 0o777
        pid = os.fork()
        if pid == 0:
            asker = case["asker"]
            os.setgroups(asker["groups"])
            os.setresgid(asker["gid"], asker["gid"], asker["gid"])
            os.setresuid(asker["uid"], asker["uid"], asker["uid"])
            os._exit(0 if os.access(path, case["want"]) else 1)
        _, status = os.waitpid(pid, 0)
        results.append({"mode": mode, "permits": os.waitstatus_to_exitcode(status) == 0})
        os.unlink(path)
json.dump(results, sys.stdout)
