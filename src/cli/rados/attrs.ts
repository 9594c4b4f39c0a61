import { writeFileSync } from 'node:fs';
import { strerror } from '../shared/errors.ts';
import { hexdump } from './hexdump.ts';
import { ToolError } from './options.ts';
import { attempt, print, printBytes, readInput, reason, type Session, type Verb } from './session.ts';

/** A value from the command line, from --input-file, or from standard input. */
function givenValue(s: Session, word: string | undefined): Buffer {
  if (word !== undefined) return Buffer.from(word);
  return readInput(s.options.inputFile ?? '-');
}

async function getXattr(s: Session, [oid, name]: readonly string[]): Promise<void> {
  const what = `error getting xattr ${s.poolName}/${oid}/${name}`;
  await printBytes(await attempt(what, () => s.io.getXattr(oid, name)));
}

async function setXattr(s: Session, [oid, name, word]: readonly string[]): Promise<void> {
  const value = givenValue(s, word);
  await attempt(`error setting xattr ${s.poolName}/${oid}/${name}`, () => s.io.setXattr(oid, name, value));
}

async function removeXattr(s: Session, [oid, name]: readonly string[]): Promise<void> {
  await attempt(`error removing xattr ${s.poolName}/${oid}/${name}`, () => s.io.removeXattr(oid, name));
}

async function listXattrs(s: Session, [oid]: readonly string[]): Promise<void> {
  const what = `error getting xattr set ${s.poolName}/${oid}`;
  const names = [...(await attempt(what, () => s.io.getXattrs(oid))).keys()];
  for (const name of names.sort()) print(`${name}\n`);
}

/** Shows bytes in hexadecimal, or writes them to a file. */
async function show(what: string, bytes: Buffer, file: string | undefined): Promise<void> {
  if (file === undefined) {
    print(`${what} (${bytes.length} bytes) :\n${hexdump(bytes)}\n`);
    return;
  }
  process.stderr.write(`Writing to ${file}\n`);
  if (file === '-') {
    await printBytes(bytes);
    return;
  }
  try {
    writeFileSync(file, bytes);
  } catch (error) {
    // As the original: it says so, and ends well.
    process.stderr.write(`failed to open file: ${strerror((error as NodeJS.ErrnoException).errno ?? 5)}\n`);
  }
}

const PRINTABLE = /^[\x20-\x7e]*$/;

interface KeyArgs {
  readonly oid: string;
  readonly key: string;
  /** The key for messages. */
  readonly shown: string;
  /** What follows the key. */
  readonly rest: readonly string[];
}

/** The object and key that words, or --omap-key-file, name. */
function keyArgs(s: Session, words: readonly string[], usage: string): KeyArgs {
  const { omapKeyFile } = s.options;
  const [oid, ...rest] = words;
  const key = omapKeyFile === undefined ? rest.shift() : readInput(omapKeyFile).toString();
  if (key === undefined) throw new ToolError(`usage: rados -p <pool> ${usage}`);
  const shown = omapKeyFile === undefined || PRINTABLE.test(key) ? key : '(binary key)';
  return { oid, key, shown, rest };
}

async function getOmapHeader(s: Session, [oid, file]: readonly string[]): Promise<void> {
  const what = `error getting omap header ${s.poolName}/${oid}`;
  await show('header', await attempt(what, () => s.io.omapGetHeader(oid)), file);
}

async function setOmapHeader(s: Session, [oid, word]: readonly string[]): Promise<void> {
  const value = givenValue(s, word);
  await attempt(`error setting omap value ${s.poolName}/${oid}`, () => s.io.omapSetHeader(oid, value));
}

async function getOmapValue(s: Session, words: readonly string[]): Promise<void> {
  const { oid, key, shown, rest } = keyArgs(s, words, 'getomapval <obj> <key> [file]');
  const where = `${s.poolName}/${oid}/${shown}`;
  const values = await attempt(`error getting omap value ${where}`, () => s.io.omapGet(oid, [key]));
  const value = values.get(key);
  if (value === undefined) {
    print(`No such key: ${where}\n`);
    throw new ToolError('');
  }
  await show('value', value, rest[0]);
}

async function setOmapValue(s: Session, words: readonly string[]): Promise<void> {
  const { oid, key, shown, rest } = keyArgs(s, words, 'setomapval <obj> <key> <value>');
  const value = givenValue(s, rest[0]);
  const what = `error setting omap value ${s.poolName}/${oid}/${shown}`;
  await attempt(what, () => s.io.omapSet(oid, [[key, value]]));
}

async function removeOmapKey(s: Session, words: readonly string[]): Promise<void> {
  const { oid, key, shown } = keyArgs(s, words, 'rmomapkey <obj> <key>');
  await attempt(`error removing omap key ${s.poolName}/${oid}/${shown}`, () =>
    s.io.omapRemoveKeys(oid, [key]),
  );
}

async function clearOmap(s: Session, oids: readonly string[]): Promise<void> {
  for (const oid of oids) {
    try {
      await s.io.omapClear(oid);
    } catch (error) {
      // The original has no colon here.
      throw new ToolError(`error clearing omap keys ${s.poolName}/${oid}/${reason(error)}`);
    }
  }
}

async function listOmapKeys(s: Session, [oid]: readonly string[]): Promise<void> {
  await attempt(`error getting omap key set ${s.poolName}/${oid}`, async () => {
    for await (const key of s.io.omapGetKeys(oid)) print(`${key}\n`);
  });
}

async function listOmapValues(s: Session, [oid]: readonly string[]): Promise<void> {
  await attempt(`error getting omap keys ${s.poolName}/${oid}`, async () => {
    for await (const [key, value] of s.io.omapGetRange(oid)) {
      const bytes = Buffer.from(key);
      const name = PRINTABLE.test(key) ? key : `key (${bytes.length} bytes):\n${hexdump(bytes)}`;
      print(`${name}\nvalue (${value.length} bytes) :\n${hexdump(value)}\n`);
    }
  });
}

export const ATTR_VERBS: readonly Verb[] = [
  { name: 'listxattr', args: '<obj>', description: 'names of xattrs', min: 1, run: listXattrs },
  { name: 'getxattr', args: '<obj> <name>', description: 'value of an xattr', min: 2, run: getXattr },
  {
    name: 'setxattr',
    args: '<obj> <name> [value]',
    description: 'set an xattr',
    min: 2,
    max: 3,
    run: setXattr,
  },
  { name: 'rmxattr', args: '<obj> <name>', description: 'remove an xattr', min: 2, run: removeXattr },
  { name: 'listomapkeys', args: '<obj>', description: 'keys of the omap', min: 1, run: listOmapKeys },
  {
    name: 'listomapvals',
    args: '<obj>',
    description: 'keys and values of the omap',
    min: 1,
    run: listOmapValues,
  },
  {
    name: 'getomapval',
    args: '<obj> <key> [file]',
    description: 'value of a key',
    min: 1,
    max: 3,
    run: getOmapValue,
  },
  {
    name: 'setomapval',
    args: '<obj> <key> [value]',
    description: 'set a key',
    min: 1,
    max: 3,
    run: setOmapValue,
  },
  { name: 'rmomapkey', args: '<obj> <key>', description: 'remove a key', min: 1, max: 2, run: removeOmapKey },
  { name: 'clearomap', args: '<obj>...', description: 'remove all keys', min: 1, run: clearOmap },
  {
    name: 'getomapheader',
    args: '<obj> [file]',
    description: 'header of the omap',
    min: 1,
    run: getOmapHeader,
  },
  { name: 'setomapheader', args: '<obj> [value]', description: 'set the header', min: 1, run: setOmapHeader },
];
