import type { Volume } from '../../src/gluster/volume/index.ts';

const AT_ONCE = 32;

/** Files of 1 KiB, /d0/file-0 and so on, so many in a directory. */
export async function makeManyFiles(volume: Volume, files: number, perDirectory: number): Promise<void> {
  for (let i = 0; i * perDirectory < files; i++) await volume.mkdir(`/d${i}`);
  const data = Buffer.alloc(1024, 'x');
  let next = 0;
  const worker = async () => {
    while (next < files) {
      const i = next++;
      await volume.writeFile(`/d${Math.floor(i / perDirectory)}/file-${i}`, data);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
