// The floor rule: a room imports from itself, from its own floor and from floors below, never from above;
// and only env/ (and the few places named here) touches the host's clock, timers, randomness, network and disk.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = dirname(import.meta.dirname);
const src = join(root, 'src');

/** Room -> floor. The longest matching prefix of a file's path names its room. */
const FLOORS = {
  env: 0,
  base: 1,
  erasure: 2,
  'ceph/types': 2,
  'ceph/crush': 2,
  'ceph/osdmap': 3,
  'ceph/messages': 3,
  'ceph/auth': 3,
  'ceph/messenger': 4,
  'ceph/object-store': 4,
  'ceph/mon-client': 5,
  'ceph/objecter': 6,
  'ceph/osd': 6,
  'ceph/mon': 6,
  'ceph/rados': 7,
  'ceph/rbd': 8,
  'gluster/types': 2,
  'gluster/rpc': 2,
  'gluster/graph': 3,
  'gluster/xlators': 4,
  'gluster/volume': 5,
  'gluster/brick': 5,
  'gluster/glusterd': 5,
  fuse: 3,
  gateway: 9,
  vstart: 9,
  cli: 10,
  ui: 10,
};
const HOST_ROOMS = new Set(['env', 'cli', 'gateway', 'fuse', 'ui']);
const HOST_USES = [
  [/\bDate\.now\s*\(/, 'Date.now'],
  [/\bnew Date\s*\(\s*\)/, 'new Date()'],
  [/\bperformance\.now\s*\(/, 'performance.now'],
  [/\bprocess\.hrtime\b/, 'process.hrtime'],
  [/\bMath\.random\s*\(/, 'Math.random'],
  [/(?<![.\w])set(Timeout|Interval|Immediate)\s*\(/, 'a timer'],
  [
    /from 'node:(net|fs|fs\/promises|dns|dns\/promises|timers|timers\/promises|os|child_process|worker_threads|tls|dgram)'/,
    'a host module',
  ],
  [/\brandom(Bytes|FillSync|UUID|Int)\s*\(/, 'host randomness'],
];

function* walk(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.name.endsWith('.ts')) yield path;
  }
}

function roomOf(path) {
  const parts = relative(src, path).split('/');
  for (let n = parts.length - 1; n > 0; n--) {
    const room = parts.slice(0, n).join('/');
    if (room in FLOORS) return room;
  }
  return undefined;
}

const problems = [];
for (const file of walk(src)) {
  const name = relative(root, file);
  const room = roomOf(file);
  if (room === undefined) {
    problems.push(`${name}: in no room; name its room and floor in scripts/check-floors.mjs`);
    continue;
  }
  const text = readFileSync(file, 'utf8');
  for (const [, target] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
    const other = roomOf(resolve(dirname(file), target));
    if (other === undefined) problems.push(`${name}: imports ${target}, which is in no room`);
    else if (other !== room && FLOORS[other] > FLOORS[room])
      problems.push(`${name}: ${room} (floor ${FLOORS[room]}) imports ${other} (floor ${FLOORS[other]})`);
  }
  if (HOST_ROOMS.has(room)) continue;
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    const code = line.replace(/^\s*(\*|\/\/|\/\*).*$/, '');
    for (const [pattern, what] of HOST_USES)
      if (pattern.test(code)) problems.push(`${name}:${i + 1}: uses ${what}; go through Env`);
  });
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
