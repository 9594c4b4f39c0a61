import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import type { Env, File, FileStat, TimerHandle } from './env.ts';
import { nodeNet } from './node-net.ts';

class NodeFile implements File {
  private readonly handle: fs.promises.FileHandle;
  private closed: Promise<void> | undefined;

  constructor(handle: fs.promises.FileHandle) {
    this.handle = handle;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return (await this.handle.read(into, 0, into.length, position)).bytesRead;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await this.handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
    }
  }

  truncate(length: number): Promise<void> {
    return this.handle.truncate(length);
  }

  sync(): Promise<void> {
    return this.handle.datasync();
  }

  stat(): Promise<FileStat> {
    return this.handle.stat();
  }

  close(): Promise<void> {
    this.closed ??= this.handle.close();
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const pool = { bytes: Buffer.alloc(0), at: 0 };

/** Random 32-bit words come from a block: a system call for each would cost more than what uses it. */
function u32(): number {
  if (pool.at >= pool.bytes.length) {
    pool.bytes = randomBytes(1024);
    pool.at = 0;
  }
  const value = pool.bytes.readUInt32LE(pool.at);
  pool.at += 4;
  return value;
}

/** The machine this process runs on. */
export const nodeEnv: Env = {
  clock: {
    now: () => Date.now(),
    mono: () => performance.now(),
  },
  timers: {
    set(fn, ms, unref) {
      const timer = setTimeout(fn, ms);
      if (unref === true) timer.unref();
      return timer;
    },
    every(fn, ms, unref) {
      const timer = setInterval(fn, ms);
      if (unref === true) timer.unref();
      return timer;
    },
    clear(handle: TimerHandle) {
      clearTimeout(handle as NodeJS.Timeout);
    },
    immediate(fn) {
      setImmediate(fn);
    },
  },
  random: {
    bytes: length => randomBytes(length),
    u32,
    float: () => u32() / 0x1_0000_0000,
  },
  net: nodeNet,
  fs: {
    open: async (path, flags, mode) => new NodeFile(await fs.promises.open(path, flags, mode)),
    readFile: path => fs.promises.readFile(path),
    writeFile: (path, data, mode) => fs.promises.writeFile(path, data, { mode }),
    appendFileSync: (path, data) => fs.appendFileSync(path, data),
    readFileSync(path) {
      try {
        return fs.readFileSync(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    readdir: path => fs.promises.readdir(path),
    async mkdir(path) {
      await fs.promises.mkdir(path, { recursive: true });
    },
    unlink: path => fs.promises.unlink(path),
    chmod: (path, mode) => fs.promises.chmod(path, mode),
    rename: (from, to) => fs.promises.rename(from, to),
    stat: path => fs.promises.stat(path),
  },
  host: {
    pid: process.pid,
    hostname: os.hostname(),
    homedir: os.homedir(),
    arch: os.machine(),
    platform: os.type(),
    release: os.release(),
    kernelVersion: os.version(),
    get cpuModel() {
      return os.cpus()[0]?.model ?? 'unknown';
    },
    memoryTotal: os.totalmem(),
    env: name => process.env[name],
    cpuUsage: () => process.cpuUsage(),
    rss: () => process.memoryUsage.rss(),
    stderr: line => {
      process.stderr.write(`${line}\n`);
    },
  },
};
