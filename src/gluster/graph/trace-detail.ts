import { formatGfid } from '../types/gfid.ts';
import { Loc } from './loc.ts';

/** What of a fop's arguments is worth showing in a trace: the file, and where in it. */
export function describeFop(args: readonly unknown[]): Record<string, string | number> {
  const detail: Record<string, string | number> = {};
  let numbers = 0;
  for (const arg of args) {
    if (arg instanceof Loc) {
      const key = detail['path'] === undefined ? 'path' : 'to';
      detail[key] = arg.path || arg.inode.table.path(arg.parent ?? arg.inode, arg.parent && arg.name);
    } else if (typeof arg === 'number') {
      if (numbers++ < 3) detail[`arg${numbers}`] = arg;
    } else if (typeof arg === 'object' && arg !== null && 'isDirectory' in arg && 'inode' in arg)
      detail['gfid'] = formatGfid((arg as { inode: { gfid: Parameters<typeof formatGfid>[0] } }).inode.gfid);
    else if (Array.isArray(arg) && arg.length > 0 && Buffer.isBuffer(arg[0]))
      detail['bytes'] = arg.reduce((sum: number, piece: Buffer) => sum + piece.length, 0);
  }
  return detail;
}
