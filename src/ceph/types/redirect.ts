import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { decodeObjectLocator, encodeObjectLocator, type ObjectLocator } from './object-locator.ts';

/**
 * request_redirect_t (osd/osd_types.h): an OSD sends the client to another place.
 * ENCODE_START(1, 1): object_locator_t, str object ('' keeps the name), blob (no longer used).
 */
export interface RequestRedirect {
  readonly locator: ObjectLocator;
  readonly object: string;
}

export function encodeRequestRedirect(e: Encoder, r: RequestRedirect): void {
  const mark = e.start(1, 1);
  encodeObjectLocator(e, r.locator);
  e.str(r.object);
  e.u32(0);
  e.finish(mark);
}

export function decodeRequestRedirect(d: Decoder): RequestRedirect {
  const end = d.start('request_redirect_t', 1);
  const locator = decodeObjectLocator(d);
  const object = d.str();
  d.skip(d.u32());
  d.finish(end);
  return { locator, object };
}
