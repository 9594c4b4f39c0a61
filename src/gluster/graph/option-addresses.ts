/* Internet addresses in options (libglusterfs/src/common-utils.c valid_internet_address, options.c). */

const ALNUM = /^[0-9A-Za-z]$/;

function isHostName(text: string): boolean {
  if (text.length < 1 || text.length > 255 || text.includes('..')) return false;
  if (!/[0-9A-Za-z*]$/.test(text)) return false;
  return text
    .split('.')
    .filter(part => part !== '')
    .every(part => ALNUM.test(part[0]) && ALNUM.test(part.at(-1)!) && /^[0-9A-Za-z-]*$/.test(part));
}

function isIpv4(text: string, wildcards: boolean): boolean {
  if (text.includes('..') || !/[0-9*]$/.test(text)) return false;
  const octets = text.split('.').filter(part => part !== '');
  const wild = wildcards && octets.includes('*');
  if (!octets.every(octet => (wildcards && octet === '*') || (/^[0-9]{1,9}$/.test(octet) && +octet <= 255)))
    return false;
  return octets.length === 4 || (octets.length < 4 && wild);
}

function isIpv6(text: string, wildcards: boolean): boolean {
  const [address] = text.split('%', 1);
  if (address === '' || address.endsWith(':')) return false;
  const compressed = address.indexOf('::');
  if (compressed >= 0 && address.indexOf('::', compressed + 1) >= 0) return false;
  const groups = address.split(':').filter(part => part !== '');
  const wild = wildcards && groups.includes('*');
  if (!groups.every(group => (wildcards && group === '*') || /^0*[0-9a-fA-F]{1,4}$/.test(group)))
    return false;
  return groups.length === 8 || (groups.length < 8 && (wild || compressed >= 0));
}

/** An address or a host name; also '192.168.*' and '10.0.0.0/8' if asked for. */
export function isInternetAddress(text: string, wildcards = false, cidr = false): boolean {
  if (cidr && text.includes('/')) {
    const [address, mask] = text.split('/', 2);
    const bits = Number.parseInt(mask, 10);
    return bits >= 1 && bits <= 32 && isIpv4(address, wildcards);
  }
  return isIpv4(text, wildcards) || isIpv6(text, wildcards) || isHostName(text);
}

/** 'a,b,c', or '/dir(a|b),/other(c)'. */
export function isAddressList(text: string): boolean {
  const entries = text.split(',').filter(entry => entry !== '');
  if (!text.startsWith('/') && !text.includes('('))
    return entries.every(entry => isInternetAddress(entry, true, true));
  return entries.every(entry => {
    const match = /^\/[^(]*\(([^)]+)\)/.exec(entry);
    return match?.[1].split('|').every(address => isInternetAddress(address, true, true)) ?? false;
  });
}

/** What auth.allow takes: '*', patterns, subnets, addresses, host names. */
export function isAuthAddressList(text: string): boolean {
  const entries = text.split(',').filter(entry => entry !== '');
  return entries.length > 0 && entries.every(isAuthAddress);
}

function isAuthAddress(text: string): boolean {
  for (const char of text) {
    if (char === '*' || char === '?' || char === '[') return true;
    if (char === '/') {
      const [address, mask] = text.split('/', 2);
      return isIpv4(address, false) && /^[0-9]{1,2}$/.test(mask) && +mask <= 32;
    }
  }
  return isIpv4(text, false) || isIpv6(text, false) || isHostName(text);
}
