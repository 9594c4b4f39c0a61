import { NacreError } from '../../base/errors.ts';
import type { BlockDevice } from './block-device.ts';
import { MAX_PAYLOAD, MAX_STRING } from './protocol.ts';

/** A disk under a name. */
export interface NbdExport {
  /** At most 4096 bytes of UTF-8. */
  readonly name: string;
  readonly device: BlockDevice;
  /** Refuses writes, whatever the device allows. */
  readonly readOnly?: boolean;
  /** For people to read; the device's by default. */
  readonly description?: string;
}

/** The exports of a server, in the order in which they were added. */
export class ExportTable {
  private readonly byName = new Map<string, NbdExport>();
  /** What '' names: an export's name; the first export when undefined. */
  defaultName: string | undefined;

  /** Throws EINVAL for a name that the protocol does not allow, EEXIST for one that is there. */
  add(entry: NbdExport): void {
    const { name } = entry;
    if (Buffer.byteLength(name) > MAX_STRING || name.includes('\0'))
      throw new NacreError('EINVAL', 'nbd.export', 'the name is too long or has NUL in it');
    if (this.byName.has(name)) throw new NacreError('EEXIST', 'nbd.export', `export '${name}'`);
    this.byName.set(name, entry);
  }

  /** Those who use it go on; nobody new can. True when it was there. */
  remove(name: string): boolean {
    return this.byName.delete(name);
  }

  find(name: string): NbdExport | undefined {
    const found = this.byName.get(name);
    if (found !== undefined || name !== '') return found;
    if (this.defaultName !== undefined) return this.byName.get(this.defaultName);
    return this.byName.values().next().value;
  }

  [Symbol.iterator](): IterableIterator<NbdExport> {
    return this.byName.values();
  }
}

export interface BlockSizes {
  readonly minimum: number;
  readonly preferred: number;
  readonly maximum: number;
}

/** Bytes of I/O that suit a device: any at all; a power of two of 4096 at least; what a payload may have. */
export function blockSizesOf(device: BlockDevice): BlockSizes {
  const wanted = 2 ** Math.floor(Math.log2(Math.max(1, device.preferredBlockSize)));
  return { minimum: 1, preferred: Math.min(MAX_PAYLOAD, Math.max(4096, wanted)), maximum: MAX_PAYLOAD };
}
