import { attempt } from './errors.ts';
import { print, type Session } from './session.ts';

export async function status(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const f = session.formatter();
  const image = await session.image(spec, { readOnly: true });
  const all = await attempt('rbd: show status failed', () => image.watchers());
  const watchers = all.map(({ name, addr, cookie }) => ({ address: addr, client: name.num, cookie }));
  if (f !== undefined) {
    f.object('status', () =>
      f.array('watchers', () => {
        for (const { address, client, cookie } of watchers)
          f.object('watcher', () => {
            f.value('address', address);
            f.value('client', client);
            f.value('cookie', cookie);
          });
      }),
    );
    print(f.toString());
    return;
  }
  if (watchers.length === 0) print('Watchers: none\n');
  else print('Watchers:\n');
  for (const { address, client, cookie } of watchers)
    print(`\twatcher=${address} client.${client} cookie=${cookie}\n`);
}
