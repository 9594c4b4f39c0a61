// What the messenger is held against: two processes that exchange requests and answers of given sizes over a bare
// Node socket, read into one preallocated buffer (`onread`); whatever came in one read is answered with one write.
//
//   node node-pair.mjs server REQUEST REPLY
//   node node-pair.mjs client PORT DEPTH REQUEST REPLY SECONDS
import net from 'node:net';

const [role, ...args] = process.argv.slice(2);
const numbers = args.map(Number);

function cpuUs() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Counts whole pieces of `inSize` and answers each with `outSize` bytes; calls `counted` with how many came. */
function pump(inSize, outSize, counted) {
  const out = Buffer.alloc(64 * outSize, 'x');
  const buffer = Buffer.allocUnsafeSlow(256 * 1024);
  let have = 0;
  let socket;
  return {
    onread: {
      buffer,
      callback(n) {
        have += n;
        const whole = Math.floor(have / inSize);
        have -= whole * inSize;
        if (whole > 0) {
          this.say(whole);
          counted(whole);
        }
        return true;
      },
      say: undefined,
    },
    say(count) {
      socket.cork();
      for (let left = count; left > 0; left -= 64)
        socket.write(left >= 64 ? out : out.subarray(0, left * outSize));
      socket.uncork();
    },
    use(s) {
      socket = s;
    },
  };
}

if (role === 'server') {
  const [request, reply] = numbers;
  const server = net.createServer({ pauseOnConnect: true, noDelay: true }, accepted => {
    let ops = 0;
    const p = pump(request, reply, n => {
      ops += n;
    });
    const { _handle: handle } = accepted;
    accepted._handle = null;
    const before = cpuUs();
    const socket = new net.Socket({
      handle,
      onread: { buffer: p.onread.buffer, callback: n => p.onread.callback.call(p, n) },
    });
    p.use(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      process.stdout.write(`${JSON.stringify({ ops, cpuUs: cpuUs() - before })}\n`, () => process.exit(0));
    });
    socket.on('end', () => socket.destroy());
    socket.resume();
  });
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
} else {
  const [port, depth, request, reply, seconds] = numbers;
  let ops = 0;
  let began = 0;
  let before = 0;
  const warm = performance.now() + 500;
  const p = pump(reply, request, n => {
    const t = performance.now();
    if (began === 0) {
      if (t > warm) {
        began = t;
        before = cpuUs();
      }
      return;
    }
    ops += n;
    if (t - began < seconds * 1000) return;
    const result = { ops, seconds: (t - began) / 1000, cpuUs: cpuUs() - before };
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  });
  const socket = net.connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: { buffer: p.onread.buffer, callback: n => p.onread.callback.call(p, n) },
  });
  p.use(socket);
  socket.on('connect', () => p.say(depth));
}
