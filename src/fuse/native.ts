import { createRequire } from 'node:module';

/** The few calls of the C library that Node does not offer, by koffi. Numbers are results; errno is asked for after a -1. */
export interface Native {
  read(fd: number, buffer: Uint8Array, size: number): number;
  dup(fd: number): number;
  /** In a thread of its own: it may have to wait for this process to answer requests. 0 or an errno. */
  mount(source: string, target: string, type: string, flags: number, data: string): Promise<number>;
  umount(target: string, flags: number): Promise<number>;
  /** Two connected unix sockets. */
  socketpair(): [number, number];
  /** The descriptor that a message on the socket carries, or a negative errno. Does not wait. */
  receiveDescriptor(socket: number): number;
  errno(): number;
}

type Callback = (error: unknown, result: number) => void;
interface NativeFunction {
  (...args: unknown[]): number;
  async(...args: (unknown | Callback)[]): void;
}
interface Koffi {
  load(path: null): { func(prototype: string): NativeFunction };
  errno(): number;
  struct(name: string, fields: Record<string, string>): unknown;
}

let native: Native | null | undefined;

/** Undefined where koffi is not installed (it is an optional dependency) or has nothing for this platform. */
export function loadNative(): Native | undefined {
  if (native === undefined) {
    native = null;
    if (process.platform === 'linux' && !process.env['NACRE_FUSE_NO_NATIVE']) {
      try {
        native = bind(createRequire(import.meta.url)('koffi') as Koffi);
      } catch {
        // Without it: mount(8) and umount(8) are run, users cannot mount, and requests are read one a wakeup.
      }
    }
  }
  return native ?? undefined;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

function bind(koffi: Koffi): Native {
  const libc = koffi.load(null);
  const read = libc.func('long read(int fd, void *buffer, size_t size)');
  const dup = libc.func('int dup(int fd)');
  const mount = libc.func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
  );
  const umount = libc.func('int umount2(const char *target, int flags)');
  const socketpair = libc.func('int socketpair(int domain, int type, int protocol, void *pair)');
  koffi.struct('nacre_iovec', { base: 'void *', length: 'size_t' });
  koffi.struct('nacre_msghdr', {
    name: 'void *',
    nameLength: 'uint32_t',
    iov: 'nacre_iovec *',
    iovLength: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  });
  const recvmsg = libc.func('long recvmsg(int socket, nacre_msghdr *message, int flags)');

  const threaded = (call: NativeFunction, args: unknown[]): Promise<number> =>
    new Promise((resolve, reject) => {
      call.async(...args, (error: unknown, result: number) => {
        if (error) reject(error);
        else resolve(result === 0 ? 0 : koffi.errno() || 5);
      });
    });

  return {
    read: (fd, buffer, size) => read(fd, buffer, size),
    dup: fd => dup(fd),
    mount: (source, target, type, flags, data) => threaded(mount, [source, target, type, flags, data]),
    umount: (target, flags) => threaded(umount, [target, flags]),
    socketpair: () => {
      const pair = Buffer.alloc(8);
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        throw Object.assign(new Error(`socketpair: errno ${koffi.errno()}`), { errno: -koffi.errno() });
      return [pair.readInt32LE(0), pair.readInt32LE(4)];
    },
    // cmsghdr: size_t cmsg_len; int level, type; then the descriptor
    receiveDescriptor: socket => {
      const control = Buffer.alloc(64);
      const got = recvmsg(
        socket,
        {
          name: null,
          nameLength: 0,
          iov: { base: Buffer.alloc(16), length: 16 },
          iovLength: 1,
          control,
          controlLength: control.length,
          flags: 0,
        },
        MSG_DONTWAIT | MSG_CMSG_CLOEXEC,
      );
      if (got < 0) return -koffi.errno();
      const wide = process.arch === 'arm' || process.arch === 'ia32' ? 4 : 8;
      if (control.readInt32LE(wide) !== SOL_SOCKET || control.readInt32LE(wide + 4) !== SCM_RIGHTS)
        return -71;
      return control.readInt32LE(wide + 8);
    },
    errno: () => koffi.errno(),
  };
}
