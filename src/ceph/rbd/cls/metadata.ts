import type { IoCtx } from '../../rados/ioctx.ts';
import { metadataValues } from '../../types/cls-rbd.ts';
import { allPages, PAGE, reader, writer } from './method.ts';

// Metadata of an image (in its header) or of a pool (in rbd_info).

export const metadataList = reader(
  'metadata_list',
  (e, after: string = '', max: number = PAGE) => {
    e.str(after);
    e.u64(max);
  },
  metadataValues.decode,
);

export function metadataListAll(io: IoCtx, oid: string): Promise<Map<string, string>> {
  return allPages(after => metadataList(io, oid, after));
}

/** ENOENT. */
export const metadataGet = reader(
  'metadata_get',
  (e, key: string) => e.str(key),
  d => d.str(),
);

export const metadataSet = writer('metadata_set', (e, values: ReadonlyMap<string, string>) =>
  metadataValues.encode(e, values),
);

/** Also when it is not there. */
export const metadataRemove = writer('metadata_remove', (e, key: string) => e.str(key));
