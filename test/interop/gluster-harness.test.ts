import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

describe.skipIf(!haveRealGluster())('the harness for real GlusterFS', () => {
  it('makes volumes, mounts them, kills and restarts bricks and glusterd, and leaves nothing', async () => {
    let dir = '';
    {
      await using gluster = await RealGluster.start();
      dir = gluster.dir;
      await gluster.createVolume('vg0', { bricks: 2, options: { 'performance.write-behind': 'off' } });
      const bricks = await gluster.bricks('vg0');
      expect(bricks.map(b => b.path)).toEqual([gluster.brickPath('vg0', 0), gluster.brickPath('vg0', 1)]);
      const mnt = await gluster.mount('vg0');
      writeFileSync(join(mnt, 'a'), 'hello');
      const holder = [0, 1].find(i => existsSync(join(gluster.brickPath('vg0', i), 'a')))!;
      expect(gluster.xattrs(join(gluster.brickPath('vg0', holder), 'a')).get('trusted.gfid')).toHaveLength(
        16,
      );
      await gluster.killBrick('vg0', holder);
      expect((await gluster.bricks('vg0'))[holder].port).toBeUndefined();
      await gluster.startBricks('vg0');
      await gluster.stopGlusterd({ kill: true });
      expect((await gluster.tryCli('volume', 'list')).code).not.toBe(0);
      await gluster.startGlusterd();
      expect(await gluster.cli('volume', 'list')).toBe('vg0\n');
      await gluster.umount(mnt);
      const again = await gluster.mount('vg0');
      expect(readFileSync(join(again, 'a'), 'utf8')).toBe('hello');
      // Made again, as when a test is tried again, it is empty and works, mounted or not.
      await gluster.createVolume('vg0', { bricks: 2 });
      const fresh = await gluster.mount('vg0');
      expect(readdirSync(fresh)).toEqual([]);
      writeFileSync(join(fresh, 'b'), 'new');
    }
    expect(existsSync(dir)).toBe(false);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(dir);
  });
});
