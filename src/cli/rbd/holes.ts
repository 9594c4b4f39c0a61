import { createRequire } from 'node:module';

interface Koffi {
  load(path: null): { func(prototype: string): (fd: number, offset: number, whence: number) => number };
  errno(): number;
}

/** lseek(2), include/uapi/linux/fs.h. */
const SEEK_DATA = 3;
const ENXIO = 6;

let lookup: ((fd: number, from: number) => number) | null | undefined;

function bind(): typeof lookup {
  if (process.platform !== 'linux') return null;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    const lseek = koffi.load(null).func('int64_t lseek(int fd, int64_t offset, int whence)');
    return (fd, from) => {
      const at = lseek(fd, from, SEEK_DATA);
      if (at >= 0) return at;
      return koffi.errno() === ENXIO ? Number.POSITIVE_INFINITY : from;
    };
  } catch {
    return null; // holes are read, then, and seen to be zeros
  }
}

/**
 * Where the next data of a file is, at `from` or behind it; infinite when the rest is a hole. `from` where that cannot be
 * asked: without koffi, an optional dependency, or of a file system that does not know. It moves the position of the
 * descriptor, so reads have to name theirs.
 */
export function nextData(fd: number, from: number): number {
  if (lookup === undefined) lookup = bind() ?? null;
  return lookup === null ? from : lookup(fd, from);
}
