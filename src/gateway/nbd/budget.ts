/** Someone who waits for room in the budget. */
export interface BudgetWaiter {
  /** There is room: whoever takes none leaves it to the next. */
  wake(): void;
}

/**
 * Bytes of requests and replies that a server holds for all its clients. A soft limit: who begins a request while there
 * is room may go over it with that request.
 */
export class Budget {
  private readonly limit: number;
  private used = 0;
  private readonly waiting = new Set<BudgetWaiter>();
  private waking = false;

  constructor(limit: number) {
    this.limit = limit;
  }

  get free(): boolean {
    return this.used < this.limit;
  }

  get bytes(): number {
    return this.used;
  }

  take(bytes: number): void {
    this.used += bytes;
  }

  give(bytes: number): void {
    this.used -= bytes;
    if (this.waking || this.waiting.size === 0) return;
    this.waking = true;
    // In the order in which they came; those who find it full again go to the end.
    for (const waiter of [...this.waiting]) {
      if (!this.free) break;
      this.waiting.delete(waiter);
      waiter.wake();
    }
    this.waking = false;
  }

  wait(waiter: BudgetWaiter): void {
    this.waiting.add(waiter);
  }

  leave(waiter: BudgetWaiter): void {
    this.waiting.delete(waiter);
  }
}
