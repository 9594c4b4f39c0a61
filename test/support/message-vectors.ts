import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A message as a daemon or client of Ceph 16.2.15 sent it. */
export interface MessageVector {
  readonly type: number;
  readonly version: number;
  readonly compatVersion: number;
  readonly tid: number;
  readonly priority: number;
  readonly front: Buffer;
  readonly data: Buffer | undefined;
  /** What the sender's log says of it. */
  readonly text: string | undefined;
}

const folder = join(import.meta.dirname, '..', 'vectors', 'messages');

/** Names of the message classes that have vectors. */
export function vectorNames(): string[] {
  return readdirSync(folder)
    .filter(file => file.endsWith('.json'))
    .map(file => file.slice(0, -'.json'.length))
    .sort();
}

interface Row extends Omit<MessageVector, 'front' | 'data'> {
  readonly front: string;
  readonly data?: string;
}

export function messageVectors(name: string): MessageVector[] {
  const rows = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Row[];
  return rows.map(row => ({
    ...row,
    text: row.text,
    front: Buffer.from(row.front, 'hex'),
    data: row.data === undefined ? undefined : Buffer.from(row.data, 'hex'),
  }));
}
