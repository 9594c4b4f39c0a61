// Work on files in a directory, one kind a process: file-load.mjs KIND DIR COUNT. Prints JSON: operations and seconds.
// Synchronous calls, so that one thread has one request under way, as a shell or a compiler would.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const [, , kind, dir, countText] = process.argv;
const count = Number(countText);
const PER_DIRECTORY = 200;
const name = i => join(dir, `d${Math.floor(i / PER_DIRECTORY)}`, `f${i}`);
const block = Buffer.alloc(4096, 'nacre');
const mib = Buffer.alloc(1 << 20, 'nacre');

const KINDS = {
  create() {
    for (let i = 0; i < count; i++) {
      if (i % PER_DIRECTORY === 0) mkdirSync(join(dir, `d${i / PER_DIRECTORY}`));
      const fd = openSync(name(i), 'wx');
      writeSync(fd, block);
      closeSync(fd);
    }
    return count;
  },
  stat() {
    for (let round = 0; round < 5; round++) for (let i = 0; i < count; i++) statSync(name(i));
    return 5 * count;
  },
  read() {
    for (let i = 0; i < count; i++) if (readFileSync(name(i)).length !== 4096) throw new Error(name(i));
    return count;
  },
  remove() {
    rmSync(dir, { recursive: true });
    return count;
  },
  write() {
    const fd = openSync(join(dir, 'big'), 'w');
    for (let i = 0; i < count; i++) writeSync(fd, mib);
    fsyncSync(fd);
    closeSync(fd);
    return count;
  },
  'read-big'() {
    const fd = openSync(join(dir, 'big'), 'r');
    for (let i = 0; i < count; i++) if (readSync(fd, mib) !== mib.length) throw new Error('short');
    closeSync(fd);
    return count;
  },
};

mkdirSync(dir, { recursive: true });
const begin = process.hrtime.bigint();
const operations = KINDS[kind]();
const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
process.stdout.write(JSON.stringify({ operations, seconds }));
