import type { ByteSource } from './byte-source.ts';
import {
  IMAGE_BANNER_V2,
  MAX_META,
  TAG_FEATURES,
  TAG_IMAGE_END,
  TAG_META,
  TAG_ORDER,
  TAG_STRIPE_COUNT,
  TAG_STRIPE_UNIT,
} from './tags.ts';

/** What an export of version 2 says of the image. */
export interface ImageRecords {
  readonly order?: number;
  readonly features?: bigint;
  readonly stripeUnit?: number;
  readonly stripeCount?: number;
  readonly metadata: ReadonlyMap<string, Buffer>;
}

/** Reads up to the banner of the diffs. EBADMSG or EINVAL when it is none. */
export async function readImageRecords(source: ByteSource): Promise<ImageRecords> {
  await source.banner(IMAGE_BANNER_V2);
  let order: number | undefined;
  let features: bigint | undefined;
  let stripeUnit: number | undefined;
  let stripeCount: number | undefined;
  const metadata = new Map<string, Buffer>();
  for (;;) {
    const tag = await source.u8('a tag');
    if (tag === TAG_IMAGE_END) break;
    const length = await source.u64('the length of a record');
    const from = source.position;
    if (tag === TAG_ORDER) order = await source.u64('the order');
    else if (tag === TAG_FEATURES) features = await source.u64b('the features');
    else if (tag === TAG_STRIPE_UNIT) stripeUnit = await source.u64('the stripe unit');
    else if (tag === TAG_STRIPE_COUNT) stripeCount = await source.u64('the stripe count');
    else if (tag === TAG_META) {
      if (length > MAX_META) source.fail(`metadata of ${length} bytes`);
      const key = await source.str(length, 'a key');
      const bytes = (await source.exact(4, 'a value')).readUInt32LE();
      if (bytes > length) source.fail(`a value of ${bytes} bytes`);
      metadata.set(key, Buffer.from(await source.exact(bytes, 'a value')));
    } else await source.skip(length, 'a record');
    if (source.position - from !== length) source.fail(`a record of ${length} bytes is another length`);
  }
  return {
    metadata,
    ...(order === undefined ? {} : { order }),
    ...(features === undefined ? {} : { features }),
    ...(stripeUnit === undefined ? {} : { stripeUnit }),
    ...(stripeCount === undefined ? {} : { stripeCount }),
  };
}
