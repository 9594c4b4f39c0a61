import type { FileLayout } from '../../gluster/volume/layout.ts';
import type { Volume } from '../../gluster/volume/volume.ts';
import { columnsOf, out } from '../shared/tty.ts';

const HASHES = 2 ** 32;

/** `layout`: which brick has which range of hashes of a directory, drawn to scale; of a file, where it lies. */
export async function showLayout(volume: Volume, path: string, flags: { json?: boolean }): Promise<void> {
  const layout = await volume.layout(path);
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(layout)}\n`);
    return;
  }
  process.stdout.write(draw(layout));
}

function draw({ distribute, ranges, file }: FileLayout): string {
  const nameWidth = Math.max(...ranges.map(({ subvolume }) => subvolume.length));
  const barWidth = Math.max(10, Math.min(60, columnsOf(process.stdout) - nameWidth - 36));
  const hex = (hash: number) => hash.toString(16).padStart(8, '0');
  let text = `${out.dim(distribute)}\n`;
  for (const { subvolume, start, stop, error } of [...ranges].sort(
    (a, b) => (a.start ?? HASHES) - (b.start ?? HASHES),
  )) {
    const name = subvolume.padEnd(nameWidth);
    if (start === undefined || stop === undefined) {
      text += `  ${name}  ${out.dim(error ?? 'no range')}\n`;
      continue;
    }
    const from = Math.floor((start / HASHES) * barWidth);
    const to = Math.max(from + 1, Math.round(((stop + 1) / HASHES) * barWidth));
    const bar = '·'.repeat(from) + '█'.repeat(to - from) + '·'.repeat(barWidth - to);
    const share = (((stop - start + 1) / HASHES) * 100).toFixed(1).padStart(5);
    text += `  ${name}  ${hex(start)}-${hex(stop)} ${share} %  ${out.cyan(bar)}\n`;
  }
  if (file === undefined) return text;
  const { hash, hashed, cached } = file;
  const moved = cached !== undefined && cached !== hashed ? out.yellow(' (by way of a link file)') : '';
  return `${text}  hash ${hex(hash)}: hashed to ${hashed ?? 'nowhere'}, lies on ${cached ?? 'nowhere'}${moved}\n`;
}
