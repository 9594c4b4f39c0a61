/** Hashes of object names: ceph_str_hash (common/ceph_hash.cc). Values of pg_pool_t.object_hash. */
export const STR_HASH_LINUX = 1;
export const STR_HASH_RJENKINS = 2;

export function strHashName(type: number): string {
  if (type === STR_HASH_LINUX) return 'linux';
  return type === STR_HASH_RJENKINS ? 'rjenkins' : 'unknown';
}

/** Between a namespace and an object's name in what is hashed. */
const NAMESPACE_SEPARATOR = 0x1f;

/**
 * Bob Jenkins' 1996 hash of `n` bytes: 12 bytes a round into three words that start at the golden ratio; the
 * last word takes the length in its low byte.
 */
function rjenkins(k: Uint8Array, n: number): number {
  let a = 0x9e3779b9 | 0;
  let b = a;
  let c = 0;
  let i = 0;
  let left = n;
  for (;;) {
    if (left >= 12) {
      a = (a + (k[i] | (k[i + 1] << 8) | (k[i + 2] << 16) | (k[i + 3] << 24))) | 0;
      b = (b + (k[i + 4] | (k[i + 5] << 8) | (k[i + 6] << 16) | (k[i + 7] << 24))) | 0;
      c = (c + (k[i + 8] | (k[i + 9] << 8) | (k[i + 10] << 16) | (k[i + 11] << 24))) | 0;
    } else {
      c = (c + n) | 0;
      if (left > 10) c = (c + (k[i + 10] << 24)) | 0;
      if (left > 9) c = (c + (k[i + 9] << 16)) | 0;
      if (left > 8) c = (c + (k[i + 8] << 8)) | 0;
      if (left > 7) b = (b + (k[i + 7] << 24)) | 0;
      if (left > 6) b = (b + (k[i + 6] << 16)) | 0;
      if (left > 5) b = (b + (k[i + 5] << 8)) | 0;
      if (left > 4) b = (b + k[i + 4]) | 0;
      if (left > 3) a = (a + (k[i + 3] << 24)) | 0;
      if (left > 2) a = (a + (k[i + 2] << 16)) | 0;
      if (left > 1) a = (a + (k[i + 1] << 8)) | 0;
      if (left > 0) a = (a + k[i]) | 0;
    }
    a = (a - b - c) ^ (c >>> 13);
    b = (b - c - a) ^ (a << 8);
    c = (c - a - b) ^ (b >>> 13);
    a = (a - b - c) ^ (c >>> 12);
    b = (b - c - a) ^ (a << 16);
    c = (c - a - b) ^ (b >>> 5);
    a = (a - b - c) ^ (c >>> 3);
    b = (b - c - a) ^ (a << 10);
    c = (c - a - b) ^ (b >>> 15);
    if (left < 12) return c >>> 0;
    i += 12;
    left -= 12;
  }
}

/** The dcache hash of old Linux kernels. */
function linux(k: Uint8Array, n: number): number {
  let hash = 0;
  for (let i = 0; i < n; i++) hash = Math.imul(hash + (k[i] << 4) + (k[i] >> 4), 11);
  return hash >>> 0;
}

/**
 * Hash of `n` bytes. An unknown type gives 0xffffffff, as Ceph does, so that a map from the future still
 * places every object somewhere.
 */
export function strHashBytes(type: number, bytes: Uint8Array, n = bytes.length): number {
  if (type === STR_HASH_RJENKINS) return rjenkins(bytes, n);
  return type === STR_HASH_LINUX ? linux(bytes, n) : 0xffffffff;
}

// The bytes of the name that is being hashed; nothing else runs between filling and hashing it.
let scratch = Buffer.allocUnsafeSlow(512);

/** Writes UTF-8 at `at` of the scratch buffer and returns where it ends. */
function place(text: string, at: number): number {
  const n = text.length;
  if (at + n * 3 + 1 > scratch.length) {
    const bigger = Buffer.allocUnsafeSlow((at + n * 3 + 1) * 2);
    scratch.copy(bigger, 0, 0, at);
    scratch = bigger;
  }
  const into = scratch;
  for (let i = 0; i < n; i++) {
    const c = text.charCodeAt(i);
    if (c > 127) return at + into.write(text, at, 'utf8');
    into[at + i] = c;
  }
  return at + n;
}

/** The placement seed of an object: hash of its name (or locator key), after its namespace if it has one. */
export function hashObjectName(type: number, name: string, nspace = ''): number {
  let n = 0;
  if (nspace !== '') {
    n = place(nspace, 0);
    scratch[n++] = NAMESPACE_SEPARATOR;
  }
  n = place(name, n);
  return strHashBytes(type, scratch, n);
}
