const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** 'Tue Nov 24 17:24:57 2026', local time: ctime. '' for 0, which is no time. */
export function ctime(ms: number): string {
  if (ms === 0) return '';
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = String(at.getDate()).padStart(2);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${DAYS[at.getDay()]} ${MONTHS[at.getMonth()]} ${day} ${clock} ${at.getFullYear()}`;
}
