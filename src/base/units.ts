/** A quotient in at most seven characters with its unit, with two decimals if they fit (include/types.h format_u). */
function inSeven(value: number, divisor: number, unit: string): string {
  if (divisor === 1 || value % divisor === 0) return `${Math.trunc(value / divisor)}${unit}`;
  for (const decimals of [2, 1]) {
    const text = (value / divisor).toFixed(decimals) + unit;
    if (text.length <= 7) return text;
  }
  return (value / divisor).toFixed(0) + unit;
}

function scale(value: number, base: number, units: readonly string[]): string {
  let index = 0;
  for (let n = Math.trunc(value); n >= base && index < units.length - 1; index++) n = Math.trunc(n / base);
  return inSeven(value, base ** index, units[index]);
}

/** '23 B', '1.5 KiB', '4 MiB': byte_u_t. */
export function formatBytes(bytes: number): string {
  return scale(bytes, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB', ' PiB', ' EiB']);
}

/** '1.23k', '4M': si_u_t. */
export function formatSi(value: number): string {
  return scale(value, 1000, ['', 'k', 'M', 'G', 'T', 'P', 'E']);
}
