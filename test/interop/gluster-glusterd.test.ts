import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeEnv } from '../../src/env/node.ts';
import { GlusterdClient } from '../../src/gluster/volume/glusterd-client.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const GLUSTERD = { host: '127.0.0.1', port: 24007 };

describe.skipIf(!haveRealGluster())('volfiles of a real glusterd', () => {
  let gluster: RealGluster;

  beforeAll(async () => {
    gluster = await RealGluster.start();
    await gluster.createVolume('vg0', { bricks: 2 });
  });
  afterAll(() => gluster?.[Symbol.asyncDispose]());

  it('fetches what a mount of this node gets, and hears of changes', async () => {
    await using client = new GlusterdClient(nodeEnv, [GLUSTERD], 'vg0');
    expect(await client.fetch()).toBe(gluster.volfile('vg0'));
    const changed = new Promise<void>(resolve => client.onChange(resolve));
    await gluster.cli('volume', 'set', 'vg0', 'performance.write-behind', 'off');
    await changed;
    expect(await client.fetch()).not.toContain('performance/write-behind');
    const bricks = await gluster.bricks('vg0');
    for (const { path, port } of bricks) expect(await client.brickPort(path)).toBe(port);
    await expect(client.brickPort('/no/such/brick')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('fetches over the unix socket too', async () => {
    await using client = new GlusterdClient(nodeEnv, [{ path: gluster.socket }], 'vg0');
    expect(await client.fetch()).toContain('volume vg0');
  });

  it('says that there is no such volume', async () => {
    await using client = new GlusterdClient(nodeEnv, [GLUSTERD], 'nowhere');
    await expect(client.fetch()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('goes on to the next server, and says what was wrong with each', async () => {
    // Takes connections, and says nothing.
    const mute = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as { port: number };
    const dead = { host: '127.0.0.1', port: 1 };
    await using client = new GlusterdClient(nodeEnv, [dead, GLUSTERD], 'vg0');
    expect(await client.fetch()).toContain('volume vg0');
    expect(client.peer).toBe('127.0.0.1:24007');
    await using hopeless = new GlusterdClient(
      nodeEnv,
      [dead, { host: 'no.such.host.invalid', port: 2 }],
      'vg0',
    );
    await expect(hopeless.fetch()).rejects.toThrow(/127\.0\.0\.1:1.*no\.such\.host/s);
    await expect(hopeless.fetch()).rejects.toMatchObject({ code: 'ENOTCONN' });
    await using waiting = new GlusterdClient(nodeEnv, [{ host: '127.0.0.1', port }], 'vg0', {
      callTimeoutMs: 300,
    });
    await expect(waiting.fetch()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const controller = new AbortController();
    const fetched = waiting.fetch(controller.signal);
    controller.abort(new Error('enough'));
    await expect(fetched).rejects.toThrow('enough');
    await waiting.close();
    await using patient = new GlusterdClient(nodeEnv, [{ host: '127.0.0.1', port }, GLUSTERD], 'vg0', {
      callTimeoutMs: 300,
    });
    expect(await patient.fetch()).toContain('volume vg0');
    expect(patient.peer).toBe('127.0.0.1:24007');
    mute.close();
  });

  it('finds out what changed while glusterd was away', async () => {
    await using client = new GlusterdClient(nodeEnv, [GLUSTERD], 'vg0');
    const before = await client.fetch();
    const changed = new Promise<void>(resolve => client.onChange(resolve));
    await gluster.stopGlusterd({ kill: true });
    await sleep(300);
    expect(client.peer).toBeUndefined();
    await gluster.startGlusterd();
    await gluster.cli('volume', 'set', 'vg0', 'performance.open-behind', 'off');
    await changed;
    expect(await client.fetch()).not.toBe(before);
  });
});
