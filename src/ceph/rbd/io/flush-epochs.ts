/** Writes between two flushes. */
export class FlushEpoch {
  inFlight = 0;
  next: FlushEpoch | undefined = undefined;
  /** Called when this epoch's writes and all before are finished. */
  readonly after: (() => void)[] = [];
}

/** Tells when the writes issued up to a moment are finished, at the cost of a counter for each write. */
export class FlushEpochs {
  private first = new FlushEpoch();
  private current = this.first;

  enter(): FlushEpoch {
    this.current.inFlight++;
    return this.current;
  }

  leave(epoch: FlushEpoch): void {
    if (--epoch.inFlight === 0 && epoch === this.first) this.advance();
  }

  /** Calls back when what was entered so far has left: at once when that is so. */
  wait(done: () => void): void {
    if (this.first === this.current && this.first.inFlight === 0) {
      done();
      return;
    }
    this.current.after.push(done);
    const next = new FlushEpoch();
    this.current.next = next;
    this.current = next;
  }

  private advance(): void {
    while (this.first.inFlight === 0 && this.first.next !== undefined) {
      const { after } = this.first;
      this.first = this.first.next;
      for (const done of after) done();
    }
  }
}
