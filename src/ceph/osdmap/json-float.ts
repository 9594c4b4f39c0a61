import { rawNumber } from '../../base/format.ts';
import { formatGeneral } from '../../base/printf.ts';

/** A float as Formatter::dump_float prints it: 17 significant digits, exact halves rounded to even. */
export function jsonFloat(value: number): object {
  return rawNumber(formatGeneral(value, 17));
}
