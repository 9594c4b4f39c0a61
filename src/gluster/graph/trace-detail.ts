import { formatGfid, type Gfid } from '../types/gfid.ts';
import { FOP_PARAMS } from './fop-params.ts';
import type { FopName } from './fops.ts';
import { Loc } from './loc.ts';

/** What of a fop's arguments is worth showing in a trace: the file, and where in it. */
export function describeFop(fop: FopName, args: readonly unknown[]): Record<string, string | number> {
  const detail: Record<string, string | number> = {};
  const params = FOP_PARAMS[fop];
  for (let i = 0; i < args.length && i < params.length; i++) {
    const arg = args[i];
    const name = params[i];
    if (arg instanceof Loc) detail[name === 'loc' ? 'path' : 'to'] = pathOf(arg);
    else if (name === 'fd') detail['gfid'] = formatGfid((arg as { inode: { gfid: Gfid } }).inode.gfid);
    else if (name === 'data') detail['bytes'] = bytesOf(arg as readonly Buffer[]);
    else if (typeof arg === 'number' || (typeof arg === 'string' && name !== 'volume')) detail[name] = arg;
    else if (typeof arg === 'bigint') detail[name] = arg.toString();
  }
  return detail;
}

function pathOf({ path, parent, name, inode }: Loc): string {
  if (path !== '') return path;
  return parent === undefined || name === '' ? inode.table.path(inode) : inode.table.path(parent, name);
}

/** How many bytes there are in pieces. */
export function bytesOf(data: readonly Buffer[]): number {
  return data.reduce((sum, piece) => sum + piece.length, 0);
}
