import { FOP_LABELS } from '../../graph/fop-labels.ts';
import type { FopName } from '../../graph/fops.ts';
import type { Frame } from '../../graph/frame.ts';
import { nanoseconds } from '../../graph/latency.ts';
import type { DumpWriter, Xlator, XlatorHost } from '../../graph/xlator.ts';

/** A dump as files of .meta have it: `key = value`. */
export class MetaDump implements DumpWriter {
  private text = '';

  section(title: string): void {
    this.text += `[${title}]\n`;
  }

  write(key: string, value: string | number | boolean | bigint): void {
    this.text += `${key} = ${typeof value === 'boolean' ? Number(value) : value}\n`;
  }

  toString(): string {
    return this.text;
  }
}

/** What the layer tells of itself. */
export function privateText(xlator: Xlator): string {
  const out = new MetaDump();
  xlator.dump?.(out);
  return out.toString();
}

/** How long fops took in a layer. */
export function profileText(host: XlatorHost, xlator: Xlator): string {
  const out = new MetaDump();
  const latencies = [...(host.latencyOf(xlator)?.entries() ?? [])];
  if (latencies.length === 0) return '';
  out.section(`${xlator.name}.latency`);
  for (const [fop, { count, total, min, max }] of latencies)
    out.write(
      `${xlator.name}.latency.${FOP_LABELS[fop]}`,
      `AVG:${((total / count) * 1e6).toFixed(6)} CNT:${count} TOTAL:${nanoseconds(total)} MIN:${nanoseconds(min)} MAX:${nanoseconds(max)}`,
    );
  return out.toString();
}

/** The graph written out again as a volfile, with the options in force that were given. */
export function volfileText(host: XlatorHost): string {
  const volumes = [...host.xlators].reverse().map(xlator => {
    const options = givenOptions(xlator).map(([name, text]) => `    option ${name} ${text}\n`);
    const children = xlator.children.map(({ name }) => ` ${name}`).join('');
    const subvolumes = children === '' ? '' : `    subvolumes${children}\n`;
    return `volume ${xlator.name}\n    type ${xlator.type}\n${options.join('')}${subvolumes}end-volume\n\n`;
  });
  return volumes.join('');
}

export function givenOptions(xlator: Xlator): (readonly [string, string])[] {
  return [...xlator.options.entries()].filter(([name]) => xlator.options.isSet(name));
}

/** What is under way: each operation with its frames, the lowest first. */
export function framesText(frames: Iterable<Frame>): string {
  const stacks = new Map<Frame['root'], Frame[]>();
  for (const frame of frames) {
    const stack = stacks.get(frame.root);
    if (stack === undefined) stacks.set(frame.root, [frame]);
    else stack.unshift(frame);
  }
  const lines = ['{ ', '\t"Stack": ['];
  let number = 0;
  for (const [root, stack] of stacks) {
    lines.push('\t   {', `\t\t"Number": ${++number},`, '\t\t"Frame": [');
    stack.forEach((frame, i) => {
      lines.push(
        '\t\t   {',
        `\t\t\t"Number": ${i + 1},`,
        `\t\t\t"Xlator": "${frame.windTo}",`,
        `\t\t\t"Creation_time": ${(frame.begin / 1000).toFixed(9)},`,
      );
      if (frame.windFrom !== '') lines.push(`\t\t\t"Parent": "${frame.windFrom}",`);
      lines.push('\t\t\t"Complete": 0', i === stack.length - 1 ? '\t\t   }' : '\t\t   },');
    });
    lines.push(
      '\t\t],',
      `\t\t"Unique": ${root.unique},`,
      `\t\t"Type": "${FOP_LABELS[root.op as FopName] ?? root.op.toUpperCase()}",`,
      `\t\t"UID": ${root.uid},`,
      `\t\t"GID": ${root.gid},`,
      `\t\t"LK_owner": "${Buffer.from(root.lkOwner, 'latin1').toString('hex')}"`,
      number === stacks.size ? '\t   }' : '\t   },',
    );
  }
  lines.push('\t],', `\t"Call_Count": ${stacks.size}`, '}');
  return lines.join('\n');
}
