import { createInterface } from 'node:readline';
import { strerror } from '../shared/errors.ts';
import { errnoOf, reason, ToolError } from './errors.ts';
import { print, type Session } from './session.ts';

/** Resolves at a line, or the end, of standard input, and when aborted. */
function enterPressed(signal: AbortSignal): Promise<void> {
  const input = createInterface({ input: process.stdin, signal });
  return new Promise(resolve => {
    input.once('close', resolve);
    input.once('line', () => input.close());
  });
}

export async function watch(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const image = await session.image(spec, { readOnly: true });
  const { header, identity } = image.ctx;
  const name = spec.image;
  let cookie = 0n;
  try {
    await using watching = await header.watch(identity.headerOid, {
      onNotify: ({ id, cookie: of, notifier, payload }) => {
        print(
          `${name} received notification: notify_id=${id}, cookie=${of}, notifier_id=${notifier}, ` +
            `bl.length=${payload.length}\n`,
        );
        return Buffer.alloc(0);
      },
      onError: error =>
        process.stderr.write(`${name} received error: cookie=${cookie}, err=${strerror(error.errno)}\n`),
    });
    cookie = watching.cookie;
    print('press enter to exit...\n');
    await enterPressed(session.signal);
  } catch (error) {
    throw new ToolError(`rbd: watch failed\nrbd: watch failed: ${reason(error)}`, errnoOf(error));
  }
}
