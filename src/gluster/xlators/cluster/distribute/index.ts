export { Distribute } from './distribute.ts';
export { dmHash, NameHash } from './hash.ts';
export { Layout, LayoutEntry } from './layout.ts';
export { type DiskLayout, decodeLayout, encodeLayout } from './layout-disk.ts';
