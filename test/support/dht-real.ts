import { execFileSync } from 'node:child_process';
import { linkSync, lstatSync, mkdirSync, readdirSync, readlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Volume } from '../../src/gluster/volume/volume.ts';
import type { RealGluster } from './real-gluster.ts';

/** The lower layers of a volume's volfile, up to features/utime: what decides on bricks is all there, and no cache. */
export function lowerVolfile(gluster: RealGluster, name: string): string {
  const text = gluster.volfile(name);
  const utime = text.indexOf(`volume ${name}-utime`);
  if (utime < 0) throw new Error(`${name} has no features/utime`);
  const end = text.indexOf('end-volume', utime);
  return `${text.slice(0, end)}end-volume\n`;
}

/** Our client on a real volume. */
export function openReal(gluster: RealGluster, name: string): Promise<Volume> {
  return Volume.open(name, { volfile: lowerVolfile(gluster, name), uid: 0, gid: 0 });
}

export interface BrickFile {
  readonly mode: string;
  readonly size: number;
  readonly target?: string;
  readonly xattrs: Record<string, string>;
}

/**
 * All of a brick but .glusterfs, by path: types, permissions, sizes, extended attributes. What two volumes cannot have in common is made so:
 * the volume's name in linkto files, gfids, times.
 */
export function brickTree(gluster: RealGluster, volume: string, index: number): Record<string, BrickFile> {
  const root = gluster.brickPath(volume, index);
  const found: Record<string, BrickFile> = {};
  const walk = (path: string): void => {
    const full = join(root, path);
    const stat = lstatSync(full);
    const xattrs: Record<string, string> = {};
    for (const [key, value] of gluster.xattrs(full)) {
      if (key === 'trusted.glusterfs.volume-id' || key.startsWith('trusted.gfid2path')) continue;
      if (key === 'trusted.gfid') xattrs[key] = `${value.length} bytes`;
      // What the count of missed changes is depends on when the directory is looked up next, which heals it.
      else if (key === 'trusted.glusterfs.mdata' || key === 'trusted.glusterfs.dht.mds')
        xattrs[key] = `${value.length} bytes`;
      else if (key === 'trusted.glusterfs.dht.linkto')
        xattrs[key] = value.toString('latin1').replace(`${volume}-`, 'VOLUME-');
      else xattrs[key] = value.toString('hex');
    }
    found[path === '' ? '/' : path] = {
      mode: stat.mode.toString(8),
      size: stat.isDirectory() ? 0 : stat.size,
      ...(stat.isSymbolicLink() ? { target: readlinkSync(full) } : {}),
      xattrs,
    };
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(full).sort())
      if (path !== '' || name !== '.glusterfs') walk(path === '' ? name : join(path, name));
  };
  walk('');
  return found;
}

/** A file's gfid on every brick that has it. */
export function gfids(gluster: RealGluster, volume: string, bricks: number, path: string): string[] {
  const found: string[] = [];
  for (let i = 0; i < bricks; i++) {
    try {
      lstatSync(join(gluster.brickPath(volume, i), path));
    } catch {
      continue;
    }
    found.push(
      gluster
        .xattrs(join(gluster.brickPath(volume, i), path))
        .get('trusted.gfid')
        ?.toString('hex') ?? '',
    );
  }
  return found;
}

const ASK = `
import os, sys
names = sys.stdin.buffer.read().split(b'\\0')
out = []
for name in names:
    try:
        out.append(os.getxattr(sys.argv[1], b'dht.file.hashed-subvol.' + name).rstrip(b'\\0'))
    except OSError as e:
        out.append(b'errno %d' % e.errno)
sys.stdout.buffer.write(b'\\0'.join(out))
`;

/** Which child GlusterFS's own hash puts names on, in a directory of a real mount; names: one character a byte. */
export function askGluster(directory: string, names: readonly string[]): string[] {
  const out = execFileSync('python3', ['-c', ASK, directory], {
    input: Buffer.from(names.join('\0'), 'latin1'),
    maxBuffer: 1 << 28,
    timeout: 300_000,
  });
  return out.toString('latin1').split('\0');
}

/** Moves a file from one brick to another behind all clients' backs, gfid and all. */
export function moveByHand(
  gluster: RealGluster,
  volume: string,
  path: string,
  from: number,
  to: number,
): void {
  const source = join(gluster.brickPath(volume, from), path);
  const target = join(gluster.brickPath(volume, to), path);
  const hex = gluster.xattrs(source).get('trusted.gfid')?.toString('hex') ?? '';
  const gfid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    '-',
  );
  const handle = (brick: number): string =>
    join(gluster.brickPath(volume, brick), '.glusterfs', hex.slice(0, 2), hex.slice(2, 4));
  execFileSync('cp', ['-a', '--preserve=all', source, target]);
  mkdirSync(handle(to), { recursive: true });
  linkSync(target, join(handle(to), gfid));
  unlinkSync(source);
  unlinkSync(join(handle(from), gfid));
}
