import type { Fd } from '../../../graph/fd.ts';
import { FOP_NAMES, type XattrAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { IA_IFDIR } from '../../../types/iatt.ts';
import type { Distribute } from './distribute.ts';
import { hideXattrs, subvolumeStatus } from './getxattr.ts';
import { encodeLayout } from './layout-disk.ts';
import { SUBVOL_STATUS } from './names.ts';
import { layOutNewDirectory } from './new-layout.ts';
import { changelogRename } from './rename-plan.ts';

/**
 * Over one child there is nothing to distribute, and fops go by (10.3's pass-through). Only new directories get their layout, which
 * counts once the volume grows, and internal attributes stay hidden.
 */
export function passOneChild(dht: Distribute): void {
  const kept: Record<string, unknown> = {
    mkdir(frame: Frame, loc: Loc, mode: number, umask: number, xdata?: Dict) {
      const layout = dht.newLayout();
      layout.take(0);
      layOutNewDirectory(dht, dht.pathed(loc), layout);
      const request = Dict.from(xdata);
      request.setBytes(dht.config.xattrName, encodeLayout(layout.entries[0], layout.type));
      return dht.next.mkdir(frame, loc, mode, umask, request).then(answer => {
        dht.setLayout(answer.inode, layout);
        return answer;
      });
    },
    rename(frame: Frame, from: Loc, to: Loc, xdata?: Dict) {
      if (from.inode.type === IA_IFDIR) return dht.next.rename(frame, from, to, xdata);
      return dht.next.rename(frame, from, to, changelogRename(Dict.from(xdata), from, to));
    },
    getxattr(frame: Frame, loc: Loc, name: string | undefined, xdata?: Dict): Promise<XattrAnswer> {
      if (name?.startsWith(SUBVOL_STATUS)) return subvolumeStatus(dht, name);
      return dht.next.getxattr(frame, loc, name, xdata).then(answer => {
        return { ...answer, dict: hideXattrs(dht, frame, answer.dict) };
      });
    },
    fgetxattr(frame: Frame, fd: Fd, name: string | undefined, xdata?: Dict): Promise<XattrAnswer> {
      return dht.next.fgetxattr(frame, fd, name, xdata).then(answer => {
        return { ...answer, dict: hideXattrs(dht, frame, answer.dict) };
      });
    },
  };
  // The graph asks which fops this xlator has: those that are left undefined cost nothing.
  for (const fop of FOP_NAMES)
    Object.defineProperty(dht, fop, { value: kept[fop], configurable: true, writable: true });
}
