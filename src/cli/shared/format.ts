import { NacreError } from '../../base/errors.ts';
import { formatJson } from '../../base/format.ts';

export { cephFloat, formatJson, rawNumber } from '../../base/format.ts';
export { formatFixed, formatGeneral } from '../../base/printf.ts';
export { formatBytes, formatSi } from '../../base/units.ts';

export type OutputFormat = 'plain' | 'json' | 'json-pretty';

/** Checks a --format. Throws EINVAL for what we do not have. */
export function parseFormat(text: string | undefined): OutputFormat {
  if (text === undefined || text === 'plain') return 'plain';
  if (text === 'json' || text === 'json-pretty') return text;
  throw new NacreError('EINVAL', 'format', `no format '${text}': plain, json and json-pretty are there`);
}

/** JSON as Ceph's tools print it, in a format that is not plain; json-pretty ends in a line end, json does not. */
export function renderJson(value: unknown, format: OutputFormat): string {
  return format === 'json' ? formatJson(value) : `${formatJson(value, true)}\n`;
}
