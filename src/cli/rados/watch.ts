import { createInterface } from 'node:readline';
import { encodeToBuffer } from '../../base/encoder.ts';
import { strerror } from '../shared/errors.ts';
import { hexdump } from './hexdump.ts';
import { ToolError } from './options.ts';
import { attempt, errnoOf, print, type Session, type Verb } from './session.ts';

/** Milliseconds that a notify waits for its watchers. */
const NOTIFY_TIMEOUT = 10_000;

function enterPressed(): Promise<void> {
  const input = createInterface({ input: process.stdin });
  return new Promise(resolve => {
    input.once('close', resolve);
    input.once('line', () => input.close());
  });
}

async function watch({ io }: Session, [oid]: readonly string[]): Promise<void> {
  let cookie = 0n;
  try {
    await using watching = await io.watch(oid, {
      onNotify: ({ id, cookie: of, notifier, payload }) => {
        print(`NOTIFY cookie ${of} notify_id ${id} from ${notifier}\n${hexdump(payload)}`);
        return payload;
      },
      onError: error => print(`ERROR cookie ${cookie} err ${strerror(error.errno)}\n`),
    });
    cookie = watching.cookie;
    print('press enter to exit...\n');
    await enterPressed();
  } catch (error) {
    const errno = errnoOf(error);
    throw new ToolError(
      `error calling watch: ${strerror(errno)}\nerror ${Math.abs(errno)}: ${strerror(errno)}`,
    );
  }
}

async function notify({ io }: Session, [oid, message]: readonly string[]): Promise<void> {
  let late = false;
  try {
    const payload = encodeToBuffer(e => e.str(message));
    const { acks, timeouts } = await io.notify(oid, payload, { timeout: NOTIFY_TIMEOUT });
    late = timeouts.length > 0;
    if (late) process.stderr.write(`error calling notify: ${strerror(110)}\n`);
    for (const { gid, cookie, payload: reply } of acks) {
      print(`reply client.${gid} cookie ${cookie} : ${reply.length} bytes\n`);
      if (reply.length > 0) print(hexdump(reply));
    }
    for (const { gid, cookie } of timeouts) print(`timeout client.${gid} cookie ${cookie}\n`);
  } catch (error) {
    const errno = errnoOf(error);
    throw new ToolError(
      `error calling notify: ${strerror(errno)}\nerror ${Math.abs(errno)}: ${strerror(errno)}`,
    );
  }
  if (late) throw new ToolError(`error 110: ${strerror(110)}`);
}

async function listwatchers(s: Session, [oid]: readonly string[]): Promise<void> {
  const what = `error listing watchers ${s.poolName}/${oid}`;
  for (const { addr, name, cookie } of await attempt(what, () => s.io.listWatchers(oid)))
    print(`watcher=${addr} client.${name.num} cookie=${cookie}\n`);
}

export const WATCH_VERBS: readonly Verb[] = [
  {
    name: 'watch',
    args: '<obj>',
    description: 'show notifications until enter is pressed',
    min: 1,
    run: watch,
  },
  { name: 'notify', args: '<obj> <message>', description: 'notify those who watch', min: 2, run: notify },
  { name: 'listwatchers', args: '<obj>', description: 'who watches an object', min: 1, run: listwatchers },
];
