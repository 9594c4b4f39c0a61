/** `Removing image: 42% complete...` on standard error, rewritten in place. */
export class ProgressBar {
  private readonly operation: string;
  private readonly quiet: boolean;
  private last = 0;
  private ended = false;

  constructor(operation: string, quiet: boolean) {
    this.operation = operation;
    this.quiet = quiet;
  }

  /** Call it as often as there is news; it writes when the percentage changes. */
  readonly update = (done: number, total: number): void => {
    if (this.quiet || this.ended) return;
    const percent = total > 0 ? Math.floor((100 * done) / total) : 0;
    if (percent <= this.last) return;
    this.last = percent;
    process.stderr.write(`\r${this.operation}: ${percent}% complete...`);
  };

  finish(): void {
    this.end('100% complete...done.');
  }

  fail(): void {
    this.end(`${this.last}% complete...failed.`);
  }

  /** Nothing more is written. */
  silence(): void {
    this.ended = true;
  }

  private end(text: string): void {
    if (this.quiet || this.ended) return;
    this.ended = true;
    process.stderr.write(`\r${this.operation}: ${text}\n`);
  }

  /** Runs work with a bar that ends as the work does. */
  async run<T>(work: (update: (done: number, total: number) => void) => Promise<T>): Promise<T> {
    try {
      const result = await work(this.update);
      this.finish();
      return result;
    } catch (error) {
      this.fail();
      throw error;
    }
  }
}
