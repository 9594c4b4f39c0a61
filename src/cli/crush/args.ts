import { CliError } from '../shared/errors.ts';

/**
 * A command line taken apart as Ceph's programs do it (common/ceph_argparse.cc): options anywhere, '-' and '_'
 * alike in long ones, values as '--option value' or '--option=value', and options with several values.
 */
export class ArgList {
  private readonly args: string[];
  private at = 0;
  /** What was no option, in order. */
  readonly rest: string[] = [];

  constructor(args: readonly string[]) {
    this.args = [...args];
  }

  get done(): boolean {
    return this.at >= this.args.length;
  }

  /** Whether this is the last word. */
  get last(): boolean {
    return this.at === this.args.length - 1;
  }

  /** The option here as it is compared: long ones with dashes. */
  private option(): { name: string; value: string | undefined } {
    const text = this.args[this.at];
    if (!text.startsWith('--')) return { name: text, value: undefined };
    const equals = text.indexOf('=');
    const name = (equals < 0 ? text : text.slice(0, equals)).replaceAll('_', '-');
    return { name, value: equals < 0 ? undefined : text.slice(equals + 1) };
  }

  /** Whether this option stands here; passes it. */
  flag(...names: string[]): boolean {
    const { name, value } = this.option();
    if (value !== undefined || !names.includes(name)) return false;
    this.at++;
    return true;
  }

  /** The value of this option if it stands here; passes both. */
  value(...names: string[]): string | undefined {
    const { name, value } = this.option();
    if (!names.includes(name)) return undefined;
    const option = this.args[this.at++];
    return value ?? this.next(`Option ${option} requires an argument.\n`);
  }

  /** The whole number given to this option. */
  number(...names: string[]): number | undefined {
    const text = this.value(...names);
    return text === undefined ? undefined : parseInteger(text);
  }

  /** The next word, whatever it is. */
  next(missing: string): string {
    if (this.done) throw new CliError(missing);
    return this.args[this.at++];
  }

  /** Puts the word here among what is no option. */
  pass(): void {
    this.rest.push(this.args[this.at++]);
  }

  /** Everything from here on is no option. */
  passAll(): void {
    while (!this.done) this.pass();
  }
}

/** @throws CliError for what is no whole number of 32 bits */
export function parseInteger(text: string): number {
  if (!/^\s*[+-]?\d+$/.test(text)) throw new CliError(`Expected option value to be integer, got '${text}'`);
  const value = Number(text);
  if (!Number.isSafeInteger(value) || Math.abs(value) > 0x7fffffff)
    throw new CliError(`The option value '${text}' seems to be invalid`);
  return value;
}

/** What atof makes of it: the number at its beginning, or 0. */
export function parseFloatPrefix(text: string): number {
  const value = Number.parseFloat(text);
  return Number.isNaN(value) ? 0 : value;
}
