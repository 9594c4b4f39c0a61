/** Ends a run of the tool: a line on standard error as it is, maybe the usage, and the exit code. */
export class Stop extends Error {
  readonly code: number;
  readonly usage: boolean;

  constructor(message: string, code = 1, usage = false) {
    super(message);
    this.code = code;
    this.usage = usage;
  }
}
