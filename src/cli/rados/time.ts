const two = (n: number) => String(n).padStart(2, '0');

/** '2026-01-31T12:00:00.123456+0100', as utime_t::localtime prints times. */
export function localTime(seconds: number, nanoseconds = 0): string {
  const t = new Date(seconds * 1000);
  const day = `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
  const micros = String(Math.floor(nanoseconds / 1000)).padStart(6, '0');
  const east = -t.getTimezoneOffset();
  const zone = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`;
  return `${day}T${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${micros}${zone}`;
}

/** Now, to the microsecond. */
export function localNow(): string {
  const now = performance.timeOrigin + performance.now();
  const seconds = Math.floor(now / 1000);
  return localTime(seconds, Math.floor((now - seconds * 1000) * 1e6));
}

/** '2026.01.31 12:00:00', as lssnap prints times. */
export function snapTime(t: Date): string {
  const day = `${t.getFullYear()}.${two(t.getMonth() + 1)}.${two(t.getDate())}`;
  return `${day} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}
